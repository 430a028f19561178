// Single keys, their list, and the switch that turns them off (WCAG 2.1.4).
import { switchTheme } from "./theme.mjs";

const KEY = "initscope.single-keys";

/** What a key asks for, or null when it is typed into a field or held with a modifier. */
export function actionOf(event, enabled) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return null;
  const field = event.target?.matches?.("input:not([type=checkbox]), textarea, select");
  if (field) return event.key === "Escape" ? "leave" : null;
  if (!enabled) return null;
  return (
    {
      "/": "filter",
      j: "next-row",
      k: "previous-row",
      "[": "previous-tensor",
      "]": "next-tensor",
      t: "theme",
      "?": "keys",
    }[event.key] ?? null
  );
}

function enabled() {
  try {
    return localStorage.getItem(KEY) !== "off";
  } catch {
    return true;
  }
}

function remember(on) {
  try {
    localStorage.setItem(KEY, on ? "on" : "off");
  } catch {
    // Storage may be forbidden; the switch then has no memory.
  }
}

function openKeys() {
  const dialog = document.getElementById("keys");
  if (!dialog.open) dialog.showModal();
}

function moveRow(step) {
  const links = [...document.querySelectorAll("[data-row]:not([hidden]) a[data-open]")];
  if (links.length === 0) return;
  const now = links.indexOf(document.activeElement);
  const next = now < 0 ? (step > 0 ? 0 : links.length - 1) : now + step;
  links[Math.min(Math.max(next, 0), links.length - 1)].focus();
}

const ACTIONS = {
  filter: () => document.querySelector("[data-filter]")?.focus(),
  "next-row": () => moveRow(1),
  "previous-row": () => moveRow(-1),
  "previous-tensor": () => document.querySelector("a[rel=prev]")?.click(),
  "next-tensor": () => document.querySelector("a[rel=next]")?.click(),
  theme: switchTheme,
  keys: openKeys,
  leave: () => document.activeElement?.blur(),
};

function start() {
  const box = document.getElementById("single-keys");
  box.checked = enabled();
  box.addEventListener("change", () => remember(box.checked));
  document.querySelector("[data-action=keys]")?.addEventListener("click", openKeys);
  document.addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]")) return;
    const action = actionOf(event, box.checked);
    if (!action) return;
    event.preventDefault();
    ACTIONS[action]();
  });
}

if (typeof document !== "undefined") start();
