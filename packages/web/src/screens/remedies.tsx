// Placeholder while the screen is written.
export function Remedies() {
  return <h1>Remedies</h1>;
}
