// The report's page: the print button, and fields whose whole text is taken at a click.

export const PRINT = '[data-action="print"]';

if (typeof document !== "undefined") {
  document.querySelector(PRINT)?.addEventListener("click", () => window.print());
  for (const field of document.querySelectorAll(".share-text")) {
    field.addEventListener("focus", () => field.select());
  }
}
