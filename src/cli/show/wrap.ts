const ASCII = /^[ -~]*$/;
/** Quote marks and blanks, and the mark of a list's item. */
const PREFIX = /^((?:> ?|\| )*)( *)((?:[-*•]|\d{1,3}[.)]) +)?/;
/** No line begins with one of these (JIS X 4051). */
const CLOSING =
  /^[\u3001\u3002\uff0c\uff0e\uff01\uff1f\uff1a\uff1b\u300d\u300f\uff09\u3011\u3009\u300b\u2026\u30fc]/u;
const TAB_STOP = 8;
/** Measuring is slow; what is longer than this is wider than any terminal. */
const MEASURED = 1_000;

/** How many columns a text takes on a terminal. */
export type Measure = (text: string) => number;

/** East Asian characters and emoji take two columns; the library that knows is only loaded for a `text` with more than ASCII. */
export async function measureFor(text: string): Promise<Measure> {
  if (/^[\n\t -~]*$/.test(text)) return (part) => part.length;
  const { default: stringWidth } = await import('string-width');
  return (part) => {
    if (part.length > MEASURED || ASCII.test(part)) return part.length;
    return SIMPLE.test(part) ? part.length + (part.match(WIDE_SIMPLE)?.length ?? 0) : stringWidth(part);
  };
}

// Latin, Greek, Cyrillic, and what most East Asian text is made of: each a character by itself, in one or two columns.
const SIMPLE =
  /^[ -~\u00a1-\u00ac\u00ae-\u02ff\u0370-\u0482\u048a-\u052f\u3001-\u3020\u3041-\u3096\u30a1-\u30ff\u4e00-\u9fff\uac00-\ud7a3\uff01-\uff60]*$/;
const WIDE_SIMPLE = /[\u3001-\uff60]/g;

/**
 * The lines of a text, none wider than `columns` where it can be broken: at blanks, and between East Asian characters. What
 * follows a quote mark or an indent has it too. A longer word, such as a URL, stays whole.
 */
export function wrapped(text: string, columns: number, widthOf: Measure): string[] {
  return text.split('\n').flatMap((line) => wrappedLine(withoutTabs(line), columns, widthOf));
}

/** One line, with `indent` before those that go on. */
export function wrappedLine(line: string, columns: number, widthOf: Measure, indent?: string): string[] {
  // No character takes more than two columns.
  if (line.length * 2 <= columns || widthOf(line) <= columns) return [line];
  const [prefix = '', quotes = '', blanks = '', mark = ''] = PREFIX.exec(line) ?? [];
  const hanging = indent ?? `${quotes}${blanks}${' '.repeat(mark.length)}`;
  if (hanging.length * 2 > columns) return [line];
  const first = indent === undefined ? prefix : '';
  const rows: string[] = [];
  let row = first;
  let width = first.length;
  let isEmpty = true;
  let gap = '';
  for (const { text, isBlank } of pieces(line.slice(first.length))) {
    if (isBlank) {
      gap = text;
      continue;
    }
    const taken = widthOf(text);
    if (!isEmpty && width + gap.length + taken > columns) {
      rows.push(row);
      row = hanging;
      width = hanging.length;
      gap = '';
    }
    row += gap + text;
    width += gap.length + taken;
    gap = '';
    isEmpty = false;
  }
  rows.push(row);
  return rows;
}

interface Piece {
  readonly text: string;
  readonly isBlank: boolean;
}

/** What is not broken, and the blanks between. */
function* pieces(line: string): Generator<Piece> {
  for (const [text] of line.matchAll(/ +|[^ ]+/g)) {
    if (text.startsWith(' ')) yield { text, isBlank: true };
    else if (!WIDE.test(text)) yield { text, isBlank: false };
    else for (let at = 0; at < text.length; at += MEASURED) yield* atoms(text.slice(at, at + MEASURED));
  }
}

const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;

function* atoms(word: string): Generator<Piece> {
  let held = '';
  let heldIsWide = false;
  for (const segment of SIMPLE.test(word) ? word : graphemes(word)) {
    const isWide = WIDE.test(segment);
    if (held !== '' && (isWide || heldIsWide) && !CLOSING.test(segment)) {
      yield { text: held, isBlank: false };
      held = '';
    }
    held += segment;
    heldIsWide = isWide;
  }
  if (held !== '') yield { text: held, isBlank: false };
}

function* graphemes(word: string): Generator<string> {
  for (const { segment } of new Intl.Segmenter().segment(word)) yield segment;
}

function withoutTabs(line: string): string {
  if (!line.includes('\t')) return line;
  let out = '';
  for (const [index, part] of line.split('\t').entries()) {
    if (index > 0) out += ' '.repeat(TAB_STOP - (out.length % TAB_STOP));
    out += part;
  }
  return out;
}
