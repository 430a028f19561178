import assert from "node:assert/strict";
import { test } from "node:test";

import { isChanged, queryOf, valuesOf } from "../../static/js/whatif.mjs";

test("what is at its default is left out of the query", () => {
  const fields = [["linear", "lecun_normal"], ["linear.gain", ""], ["linear.bias", " "], ["branch", "0"]];
  assert.equal(queryOf(fields), "?linear=lecun_normal&branch=0");
  assert.equal(queryOf([["act", ""]]), "");
});

test("what a field holds cannot become another field", () => {
  assert.equal(queryOf([["act", "a&branch=0#x"]]), "?act=a%26branch%3D0%23x");
});

test("a link sets the fields that it names and empties the others", () => {
  const found = valuesOf(["linear", "act", "branch"], "/m/1/compare?linear=normal(1)&branch=0.5", "http://h/m/1/compare");
  assert.deepEqual([...found], [["linear", "normal(1)"], ["act", ""], ["branch", "0.5"]]);
});

test("what was typed before the script was there counts as changed", () => {
  assert.equal(isChanged({ value: "1.25", defaultValue: "" }), true);
  assert.equal(isChanged({ value: "", defaultValue: "" }), false);
});

test("an entry that the page came with is not a change, be it named or the first", () => {
  const [none, named] = [{ defaultSelected: false }, { defaultSelected: true }];
  assert.equal(isChanged({ options: [none, named], selectedIndex: 1 }), false);
  assert.equal(isChanged({ options: [none, named], selectedIndex: 0 }), true);
  assert.equal(isChanged({ options: [none, none], selectedIndex: 0 }), false);
});
