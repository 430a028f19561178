import assert from "node:assert/strict";
import { test } from "node:test";

import { isChanged } from "../../static/js/fields.mjs";

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
