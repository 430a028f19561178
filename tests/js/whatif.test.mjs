import assert from "node:assert/strict";
import { test } from "node:test";

import { queryOf, valuesOf } from "../../static/js/whatif.mjs";

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
