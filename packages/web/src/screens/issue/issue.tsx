// Placeholder while the screen is written.
export function IssueScreen() {
  return <h1>IssueScreen</h1>;
}
