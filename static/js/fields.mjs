// What a field of a form came with, and whether it still holds that.

/** Whether a field holds something else than the page came with. */
export function isChanged({ options, value, defaultValue, selectedIndex }) {
  if (!options) return value !== defaultValue;
  return selectedIndex !== Math.max([...options].findIndex((option) => option.defaultSelected), 0);
}
