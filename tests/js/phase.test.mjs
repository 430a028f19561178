import assert from "node:assert/strict";
import { test } from "node:test";

import { chosen, short, tint } from "../../static/js/phase.mjs";

test("a phase is clear where it is not and in its colour where it is", () => {
  assert.deepEqual(tint("rgb(1, 2, 3)"), [
    [0, "rgba(0,0,0,0)"],
    [1, "rgb(1, 2, 3)"],
  ]);
});

test("choices stand in the address, empty ones do not", () => {
  const fields = [
    ["act", "Tanh"],
    ["scheme", ""],
    ["sw", "1.3"],
    ["sb", "0.05"],
  ];
  assert.equal(chosen("/phase", fields), "/phase?act=Tanh&sw=1.3&sb=0.05");
  assert.equal(chosen("/phase", fields, { moved: true }), "/phase?act=Tanh");
  assert.equal(chosen("/phase", []), "/phase");
});

test("a place that was pointed at is told in four digits", () => {
  assert.equal(short(1.34567), "1.346");
  assert.equal(short(0.25), "0.25");
});
