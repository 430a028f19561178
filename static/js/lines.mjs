// Where a line of a text begins and ends, for whoever selects it.

/** First and last character of a line of a text, counted from 1; null where there is none. */
export function rangeOf(text, line) {
  const lines = text.split("\n");
  if (!(line >= 1 && line <= lines.length)) return null;
  const start = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0);
  return [start, start + lines[line - 1].length];
}
