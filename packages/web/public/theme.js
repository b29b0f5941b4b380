// Sets the chosen theme before anything is painted, so that nothing flashes. "system" leaves it to the browser.
try {
  const theme = localStorage.getItem("prunella.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage may be switched off; the system's theme holds.
}
