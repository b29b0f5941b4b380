// Placeholder while the screen is written.
export function Drills() {
  return <h1>Drills</h1>;
}
