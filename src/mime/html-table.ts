/** Between two columns. */
const GAP = '  ';
/** A table with more columns is not set in columns. */
const COLUMNS_LIMIT = 20;
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/gu;

/**
 * The lines of a table whose cells are text. One that holds data comes in columns, or where it is too wide with a bar between
 * cells; one that only puts things in their places comes cell by cell.
 */
export function tableLines(
  rows: readonly (readonly string[])[],
  hasHeader: boolean,
  width: number,
): string[] {
  const filled = rows.filter((row) => row.some((cell) => cell !== ''));
  const columns = filled.reduce((most, row) => Math.max(most, row.length), 0);
  const isData =
    columns > 1 &&
    columns <= COLUMNS_LIMIT &&
    filled.every((row) => row.every((cell) => !cell.includes('\n')));
  if (!isData) return cellByCell(filled);
  const widths = Array.from({ length: columns }, (_, column) =>
    filled.reduce((most, row) => Math.max(most, widthOf(row[column] ?? '')), 0),
  );
  if (widths.reduce((sum, each) => sum + each, GAP.length * (columns - 1)) > width)
    return filled.map((row) => row.filter((cell) => cell !== '').join(' | '));
  const line = (cells: readonly string[]) =>
    cells.map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - widthOf(cell))).join(GAP);
  const lines = filled.map(line);
  if (hasHeader && lines.length > 1) lines.splice(1, 0, line(widths.map((each) => '-'.repeat(each))));
  return lines;
}

/** What has several lines stands apart. */
function cellByCell(rows: readonly (readonly string[])[]): string[] {
  const lines: string[] = [];
  let wasLong = false;
  for (const cell of rows.flat()) {
    if (cell === '') continue;
    const isLong = cell.includes('\n');
    if (lines.length > 0 && (isLong || wasLong)) lines.push('');
    for (const line of cell.split('\n')) lines.push(line);
    wasLong = isLong;
  }
  return lines;
}

/** Columns on a terminal, near enough: wide characters take two. */
function widthOf(text: string): number {
  return text.length + (text.match(WIDE)?.length ?? 0);
}
