// Placeholder while the screen is written.
export function Report() {
  return <h1>Report</h1>;
}
