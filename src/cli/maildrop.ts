import { RejectedError, UnsupportedError } from '../errors.ts';
import type { Pop3Client } from '../pop3/index.ts';
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
  const listed = await pop3.list();
  const ids = new Map<number, string>();
  let uidProblem: Maildrop['uidProblem'];
  if (uids !== 'no') {
    try {
      for (const { number, uniqueId } of await pop3.uidl()) ids.set(number, uniqueId);
    } catch (error) {
      if (uids === 'needed' || !(error instanceof RejectedError || error instanceof UnsupportedError))
        throw error;
      uidProblem = error;
    }
  }
  const rows = new Map<number, Row>();
  for (const { number, size } of listed) rows.set(number, { number, size, uid: ids.get(number) });
  return { rows: [...rows.values()], uidProblem };
}

/** Octets of all, in the server's word. */
export function totalSize(rows: readonly Row[]): number {
  return rows.reduce((sum, { size }) => sum + size, 0);
}
