// Whoever goes back after signing out meets the form, not the page that the browser has kept.

/** Ask for a page anew that was kept whole and is shown again. */
export function renew(event, location) {
  if (event.persisted) location.reload();
}

if (typeof window !== "undefined") {
  window.addEventListener("pageshow", (event) => renew(event, window.location));
}
