// Placeholder while the screen is written.
export function Itself() {
  return <h1>Itself</h1>;
}
