import assert from "node:assert/strict";
import { test } from "node:test";

import { rangeOf } from "../../static/js/lines.mjs";
import { addressOf } from "../../static/js/typed.mjs";

test("a short text stands in the address, a long one does not", () => {
  assert.equal(addressOf("http://h/spec", "net", "Linear(1, 2)", 100), "http://h/spec?net=Linear%281%2C+2%29");
  assert.equal(addressOf("http://h/spec?net=a&weights=b", "net", "x".repeat(101), 100), "http://h/spec?weights=b");
  assert.equal(addressOf("http://h/spec?net=a", "net", "", 100), "http://h/spec");
  assert.equal(addressOf("http://a/code?theme=dark", "code", "x = 1", 10), "http://a/code?theme=dark&code=x+%3D+1");
});

test("a line of a text is found by its number", () => {
  assert.deepEqual(rangeOf("ab\ncde\n", 2), [3, 6]);
  assert.deepEqual(rangeOf("ab", 1), [0, 2]);
  assert.equal(rangeOf("ab", 5), null);
});
