// Placeholder while the screen is written.
export function Approvals() {
  return <h1>Approvals</h1>;
}
