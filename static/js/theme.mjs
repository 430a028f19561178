// Light and dark: the button, the key, and the event that figures listen to.

const KEY = "initscope.theme";

/** The theme now in force: an explicit choice, or what the system prefers. */
export function themeInForce(chosen, systemPrefersDark) {
  if (chosen === "light" || chosen === "dark") return chosen;
  return systemPrefersDark ? "dark" : "light";
}

/** The address without a `theme` of its own, so that a later choice is not overruled. */
export function withoutTheme(address) {
  const url = new URL(address);
  url.searchParams.delete("theme");
  return url.href;
}

/** Switches to the other theme, remembers it and tells the figures. */
export function switchTheme() {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const next = themeInForce(root.dataset.theme, dark) === "dark" ? "light" : "dark";
  root.dataset.theme = next;
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // Storage may be forbidden; the choice then lasts as long as the page.
  }
  history.replaceState(history.state, "", withoutTheme(location.href));
  document.dispatchEvent(new CustomEvent("themechange", { detail: next }));
}

if (typeof document !== "undefined") {
  document.querySelector("[data-action=theme]")?.addEventListener("click", switchTheme);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    document.dispatchEvent(new CustomEvent("themechange"));
  });
}
