// Placeholder while the screen is written.
export function Issues() {
  return <h1>Issues</h1>;
}
