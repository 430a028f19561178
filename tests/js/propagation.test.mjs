import assert from "node:assert/strict";
import { test } from "node:test";

import { ended, themed, ticksBetween } from "../../static/js/propagation.mjs";

test("a measurement has ended when it is gone or neither queued nor running", () => {
  assert.equal(ended(null), true);
  assert.equal(ended({ state: "running" }), false);
  assert.equal(ended({ state: "queued" }), false);
  assert.equal(ended({ state: "failed" }), true);
});

test("a drawing is asked for in the theme in force, with the page's choices", () => {
  const href = themed("/m/1/propagation/forward.svg?seeds=4&theme=light", "http://h/", "dark");
  assert.equal(href, "http://h/m/1/propagation/forward.svg?seeds=4&theme=dark");
});

test("a zoomed axis has powers of ten of its own", () => {
  assert.deepEqual(ticksBetween(-4, -1.5).ticktext, ["10⁻⁴", "10⁻³", "10⁻²"]);
});
