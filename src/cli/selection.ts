import { InputError, UsageError } from '../errors.ts';

/** A message of the maildrop, as LIST and UIDL name it. */
export interface Row {
  readonly number: number;
  /** Octets, in the server's word. */
  readonly size: number;
  /** Absent: the server gives it none, or was not asked. */
  readonly uid: string | undefined;
}

/** One word that names messages. */
export type Selector =
  | { readonly kind: 'number'; readonly number: number }
  | { readonly kind: 'range'; readonly from: number; readonly to: number | undefined }
  | { readonly kind: 'first' | 'last'; readonly count: number | undefined }
  | { readonly kind: 'all' }
  | { readonly kind: 'uid'; readonly uid: string };

/** The words as given, and what they mean. */
export interface Selection {
  readonly selectors: readonly { readonly word: string; readonly selector: Selector }[];
  /** Whether unique-ids have to be known. */
  readonly byUid: boolean;
  /** Whether it names each message by itself: nothing that came meanwhile can be among them. */
  readonly exact: boolean;
}

/** For `--help`. */
export const SELECTION_HELP = `Messages are named by number (3), range (2-5, 7-), first:10, last, last:5, all, or uid:XYZ. Numbers are
good for one session only: another run may give them to other messages. A unique-id stays with its message.
`;

/** Reads the words that name messages. `UsageError` for a word that names none. */
export function parseSelection(words: readonly string[]): Selection {
  const selectors = words.map((word) => ({ word, selector: parseSelector(word) }));
  return {
    selectors,
    byUid: selectors.some(({ selector }) => selector.kind === 'uid'),
    exact: selectors.every(({ selector }) => selector.kind === 'uid' || selector.kind === 'number'),
  };
}

function parseSelector(word: string): Selector {
  if (word === 'all') return { kind: 'all' };
  if (word.startsWith('uid:') && word.length > 4) return { kind: 'uid', uid: word.slice(4) };
  const ends = /^(first|last)(?::(\d{1,9}))?$/.exec(word);
  if (ends !== null) {
    const kind = ends[1] === 'first' ? 'first' : 'last';
    const count = ends[2] === undefined ? undefined : Number(ends[2]);
    if (count !== 0) return { kind, count };
  }
  const numbers = /^(\d{1,9})(?:(-)(\d{1,9})?)?$/.exec(word);
  if (numbers !== null) {
    const from = Number(numbers[1]);
    const to = numbers[3] === undefined ? undefined : Number(numbers[3]);
    if (from > 0 && numbers[2] === undefined) return { kind: 'number', number: from };
    if (from > 0 && (to === undefined || to >= from)) return { kind: 'range', from, to };
  }
  throw new UsageError(`${JSON.stringify(word)} names no messages`, {
    hint: 'a number (3), 2-5, 7-, first:10, last, last:5, all, or uid:XYZ',
  });
}

/**
 * The messages that `selection` names, each once, in the order of the words. What is named and not there is an
 * `InputError`, and then nothing at all is selected; `all`, `first:N` and `last:N` of an empty maildrop are empty. With
 * `whole` a unique-id has to be given whole, otherwise its beginning will do where only one has it.
 */
export function select(
  selection: Selection,
  rows: readonly Row[],
  { whole = false }: { readonly whole?: boolean } = {},
): Row[] {
  const sorted = ascending(rows);
  const [only, ...others] = selection.selectors;
  if (only?.selector.kind === 'all' && others.length === 0) return [...sorted];
  const byNumber = new Map(sorted.map((row) => [row.number, row]));
  const chosen = new Map<number, Row>();
  for (const { word, selector } of selection.selectors) {
    for (const row of matching(selector, word, sorted, byNumber, whole)) chosen.set(row.number, row);
  }
  return [...chosen.values()];
}

/** A maildrop is big, and mostly in order as it is. */
function ascending(rows: readonly Row[]): readonly Row[] {
  const isSorted = rows.every((row, index) => index === 0 || row.number > (rows[index - 1]?.number ?? 0));
  return isSorted ? rows : [...rows].sort((one, other) => one.number - other.number);
}

function matching(
  selector: Selector,
  word: string,
  sorted: readonly Row[],
  byNumber: ReadonlyMap<number, Row>,
  whole: boolean,
): readonly Row[] {
  const named = (number: number): Row => {
    const row = byNumber.get(number);
    if (row !== undefined) return row;
    throw new InputError(`there is no message ${number}`, { hint: contents(sorted) });
  };
  switch (selector.kind) {
    case 'number':
      return [named(selector.number)];
    case 'range': {
      // The ends are named and have to be there; between them a server may have gaps.
      const { from, to } = selector;
      named(from);
      if (to !== undefined) named(to);
      return sorted.filter(({ number }) => number >= from && (to === undefined || number <= to));
    }
    case 'first':
    case 'last': {
      const { kind, count } = selector;
      if (count === undefined && sorted.length === 0) {
        throw new InputError(`there is no ${word} message`, { hint: contents(sorted) });
      }
      return kind === 'first' ? sorted.slice(0, count ?? 1) : sorted.slice(-(count ?? 1));
    }
    case 'all':
      return sorted;
    case 'uid':
      return [byUid(selector.uid, sorted, whole)];
  }
}

function byUid(uid: string, sorted: readonly Row[], whole: boolean): Row {
  const same = sorted.filter((row) => row.uid === uid);
  const near = same.length > 0 ? same : sorted.filter((row) => row.uid?.startsWith(uid) === true);
  const [found] = near;
  if (found === undefined) {
    throw new InputError(`there is no message with unique-id ${uid}`, {
      hint: 'it may have been deleted; mailtool uidl lists those that are there',
    });
  }
  if (near.length > 1) {
    const numbers = near.slice(0, 5).map(({ number }) => number);
    const which = `${numbers.join(', ')}${near.length > numbers.length ? ', ...' : ''}`;
    throw new InputError(
      same.length > 0
        ? `${near.length} messages have the unique-id ${uid}: ${which}`
        : `${near.length} unique-ids begin with ${uid}: those of ${which}`,
      { hint: same.length > 0 ? 'name the one you mean by its number' : 'give more of it' },
    );
  }
  if (whole && same.length === 0) {
    throw new InputError(`there is no message with unique-id ${uid}`, {
      hint: `one begins with it, but what is to be deleted has to be named in full: uid:${found.uid}`,
    });
  }
  return found;
}

function contents(sorted: readonly Row[]): string {
  const [first, last] = [sorted[0], sorted.at(-1)];
  if (first === undefined || last === undefined)
    return 'the maildrop is empty; what was sent a moment ago may still be under way';
  return first === last
    ? `only message ${first.number} is there; mailtool list shows it`
    : `the maildrop has messages ${first.number} to ${last.number}; mailtool list shows them`;
}
