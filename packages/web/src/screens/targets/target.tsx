// Placeholder while the screen is written.
export function TargetScreen() {
  return <h1>TargetScreen</h1>;
}
