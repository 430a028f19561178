// Runs before the first paint, so a stored choice never flashes the other theme.
(() => {
  const root = document.documentElement;
  root.classList.add("scripted");
  if (root.dataset.theme) return; // ?theme= wins
  try {
    const stored = localStorage.getItem("initscope.theme");
    if (stored === "light" || stored === "dark") root.dataset.theme = stored;
  } catch {
    // Storage may be forbidden; the system's preference stays in force.
  }
})();
