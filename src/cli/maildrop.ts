import { RejectedError, UnsupportedError } from '../errors.ts';
import type { Pop3Client, ScanListing, UniqueIdListing } from '../pop3/index.ts';
import type { Row } from './selection.ts';

/** The messages of the maildrop as one session sees them, and what is wrong with their unique-ids, if anything is. */
export interface Maildrop {
  readonly rows: readonly Row[];
  readonly uidProblem: UnsupportedError | RejectedError | undefined;
}

/**
 * Reads LIST and, unless `uids` is `no`, UIDL, once: numbers are not looked up again in this session. A server without
 * unique-ids is an error where they are `needed`, and has none where they are only `wanted`.
 */
export async function readMaildrop(pop3: Pop3Client, uids: 'needed' | 'wanted' | 'no'): Promise<Maildrop> {
  const rows = joined(await pop3.list(), []);
  return uids === 'no' ? { rows, uidProblem: undefined } : withUids(pop3, rows, uids);
}

const FEW = 1_000;

/** The same rows with their unique-ids. Of a few out of many the others' are passed over, which is faster. */
export async function withUids(
  pop3: Pop3Client,
  rows: readonly Row[],
  uids: 'needed' | 'wanted',
): Promise<Maildrop> {
  try {
    const few = rows.length <= FEW ? rows.map(({ number }) => number) : undefined;
    const ids = await pop3.uidl(few);
    return { rows: joined(rows, ids), uidProblem: undefined };
  } catch (error) {
    if (uids === 'needed' || !(error instanceof RejectedError || error instanceof UnsupportedError))
      throw error;
    return { rows, uidProblem: error };
  }
}

/** Each number once, ascending, with its unique-id. Servers list both in that order, and then nothing is looked up. */
function joined(listed: readonly ScanListing[], ids: readonly UniqueIdListing[]): Row[] {
  const rows = inOrder(listed);
  const uids = inOrder(ids);
  let at = 0;
  return rows.map(({ number, size }) => {
    while ((uids[at]?.number ?? number) < number) at++;
    const found = uids[at];
    return { number, size, uid: found?.number === number ? found.uniqueId : undefined };
  });
}

/** By number, ascending; of two with one number the later one, which is what the server meant last. */
function inOrder<T extends { readonly number: number }>(rows: readonly T[]): readonly T[] {
  const isInOrder = rows.every((row, index) => index === 0 || row.number > (rows[index - 1]?.number ?? 0));
  if (isInOrder) return rows;
  const last = new Map(rows.map((row) => [row.number, row]));
  return [...last.values()].sort((one, other) => one.number - other.number);
}

/** Octets of all, in the server's word. */
export function totalSize(rows: readonly Row[]): number {
  return rows.reduce((sum, { size }) => sum + size, 0);
}
