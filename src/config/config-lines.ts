/** Where in a TOML file each key stands: the parser does not say, and people want the line. */

/** `accounts`, NAME, table, key. */
const DEEPEST = 4;
const PART = /\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([\w-]+))\s*/y;

/** The lines (from 1) of the keys and tables of `text`, by the parts of their names with NUL between. A guess where TOML is used in odd ways. */
export function linesOf(text: string): Map<string, number> {
  const lines = new Map<string, number>();
  let table: readonly string[] = [];
  let openQuote: string | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    if (openQuote !== undefined) {
      if (line.includes(openQuote)) openQuote = undefined;
      continue;
    }
    const start = /^\s*(\[{1,2})?/.exec(line);
    const isTable = start?.[1] !== undefined;
    const { parts, end } = keyAt(line, start?.[0].length ?? 0);
    if (parts.length === 0 || line[end] !== (isTable ? ']' : '=')) continue;
    if (isTable) table = parts;
    const path = (isTable ? parts : [...table, ...parts]).slice(0, DEEPEST);
    // The first that is said of a table stands for it, too.
    for (let length = path.length; length > 0; length--) {
      const name = path.slice(0, length).join('\0');
      if (!lines.has(name)) lines.set(name, index + 1);
    }
    const [, quote, rest = ''] = /^\s*("""|''')(.*)/s.exec(line.slice(end + 1)) ?? [];
    if (quote !== undefined && !rest.includes(quote)) openQuote = quote;
  }
  return lines;
}

/** The parts of the dotted key at `from`, and where it ends. */
function keyAt(line: string, from: number): { readonly parts: readonly string[]; readonly end: number } {
  const parts: string[] = [];
  let end = from;
  for (;;) {
    PART.lastIndex = end;
    const match = PART.exec(line);
    if (match === null) return { parts: [], end };
    parts.push(match[1] ?? match[2] ?? match[3] ?? '');
    end += match[0].length;
    if (line[end] !== '.') return { parts, end };
    end += 1;
  }
}
