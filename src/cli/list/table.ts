import { octets } from '../progress.ts';
import type { Row } from '../selection.ts';
import { toTerminalLine } from '../terminal.ts';
import type { Summary } from './summaries.ts';

export type Listed = Row & { readonly [Key in keyof Summary]?: Summary[Key] | undefined } & {
  /** Not fetched yet; absent: not known. */
  readonly isNew?: boolean | undefined;
};

const GAP = '  ';
/** Where nothing limits the width, longer values run over and the columns after them do too. */
const WIDEST_FROM = 30;
const WIDEST_SUBJECT = 60;
const NARROWEST = 12;

interface Cells {
  readonly number: string;
  readonly date: string;
  readonly from: string;
  readonly subject: string;
  readonly size: string;
  readonly uid: string;
}

const HEAD: Cells = {
  number: '#',
  date: 'date',
  from: 'from',
  subject: 'subject',
  size: 'size',
  uid: 'unique-id',
};

/**
 * The rows of a table for people, the first of them its head. With `columns` (of a terminal) long names and subjects are
 * cut to padded; a unique-id never is, because it is there to be copied.
 */
export async function table(rows: readonly Listed[], columns: number | undefined): Promise<string[]> {
  const cells = [HEAD, ...rows.map(cellsOf)];
  const widthOf = await measure(cells);
  const widest = (column: keyof Cells) =>
    cells.reduce((width, cell) => Math.max(width, widthOf(cell[column])), 0);
  const widths = { number: widest('number'), date: widest('date'), size: widest('size'), uid: widest('uid') };
  let from = Math.min(widest('from'), WIDEST_FROM);
  let subject = Math.min(widest('subject'), WIDEST_SUBJECT);
  if (columns !== undefined) {
    const taken = widths.number + widths.date + widths.size + widths.uid + 5 * GAP.length;
    const room = Math.max(2 * NARROWEST, columns - 1 - taken);
    from = Math.min(from, Math.max(NARROWEST, Math.floor(room * 0.4)));
    subject = Math.min(widest('subject'), room - from);
  }
  const padded = (text: string, width: number) => {
    const shown = columns === undefined ? text : cut(text, width, widthOf);
    return shown + ' '.repeat(Math.max(0, width - widthOf(shown)));
  };
  return cells.map((cell) =>
    [
      cell.number.padStart(widths.number),
      cell.date.padEnd(widths.date),
      padded(cell.from, from),
      padded(cell.subject, subject),
      cell.size.padStart(widths.size),
      cell.uid,
    ]
      .join(GAP)
      .trimEnd(),
  );
}

/** One line for awk and cut: `number size uid date from subject`, tabs between, empty where something is not known. */
export function plainLine({ number, size, uid, date, from, subject }: Listed): string {
  return [number, size, uid ?? '', date?.toISOString() ?? '', from?.[0]?.address ?? '', subject ?? '']
    .map((value) => toTerminalLine(String(value)))
    .join('\t');
}

function cellsOf({ number, size, uid, date, from, subject, isNew }: Listed): Cells {
  const [author] = from ?? [];
  return {
    number: String(number),
    date: date === undefined ? '' : localTime(date),
    from: toTerminalLine(author === undefined ? '' : author.name.trim() || author.address),
    subject: toTerminalLine(subject ?? ''),
    size: octets(size),
    // Apart from the unique-id, which is there to be copied.
    uid: toTerminalLine(uid ?? '') + (isNew === true ? ' *' : ''),
  };
}

/** `2026-11-21 06:16`, where the reader is. */
export function localTime(date: Date): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

const ASCII = /^[ -~]*$/;
const MEASURED = 1_000;

/** Columns on a terminal. East Asian characters and emoji take two; the library that knows is only loaded for them. */
async function measure(cells: readonly Cells[]): Promise<(text: string) => number> {
  if (cells.every((cell) => Object.values(cell).every((text) => ASCII.test(text))))
    return (text) => text.length;
  const { default: stringWidth } = await import('string-width');
  // What is longer than any terminal is wide needs no measuring, which is slow.
  return (text) => (text.length > MEASURED || ASCII.test(text) ? text.length : stringWidth(text));
}

function cut(text: string, width: number, widthOf: (text: string) => number): string {
  // So many characters never padded; what is cut off unseen need not be measured.
  const start = text.slice(0, 4 * width + 64);
  if (start.length === text.length && widthOf(text) <= width) return text;
  let shown = '';
  let used = 0;
  for (const { segment } of new Intl.Segmenter().segment(start)) {
    const next = widthOf(segment);
    if (used + next > width - 1) break;
    shown += segment;
    used += next;
  }
  return `${shown}…`;
}
