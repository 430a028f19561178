import assert from "node:assert/strict";
import { test } from "node:test";

import { ended, themed, ticksBetween } from "../../static/js/propagation.mjs";
import { addressOf } from "../../static/js/spec.mjs";
import { rangeOf } from "../../static/js/lines.mjs";

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

test("a short text stands in the address, a long one does not", () => {
  assert.equal(addressOf("http://h/spec", "Linear(1, 2)", 100), "http://h/spec?net=Linear%281%2C+2%29");
  assert.equal(addressOf("http://h/spec?net=a&weights=b", "x".repeat(101), 100), "http://h/spec?weights=b");
  assert.equal(addressOf("http://h/spec?net=a", "", 100), "http://h/spec");
});

test("a line of a text is found by its number", () => {
  assert.deepEqual(rangeOf("ab\ncde\n", 2), [3, 6]);
  assert.deepEqual(rangeOf("ab", 1), [0, 2]);
  assert.equal(rangeOf("ab", 5), null);
});
