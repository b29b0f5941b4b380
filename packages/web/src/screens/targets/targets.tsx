// Placeholder while the screen is written.
export function Targets() {
  return <h1>Targets</h1>;
}
