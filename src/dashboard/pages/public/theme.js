// Before the first paint, so that a chosen theme never flashes in the other one. A file, since the page allows no inline script.
try {
  const theme = localStorage.getItem("reactune.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage is blocked: the system's theme stays.
}
