import { MailError } from '../errors.ts';
import { readUniqueIdListing, type UniqueIdListing } from './listing.ts';
import { type Link, open, type Pop3Options } from './opening.ts';

/**
 * Another connection on which `numbers` mean the messages that they meant on the first, as its unique-ids `before` say:
 * numbers are good for one session only (RFC 1939 8). Undefined where that cannot be had, or cannot be known.
 */
export async function linkAgain(
  options: Pop3Options,
  before: readonly UniqueIdListing[] | undefined,
  numbers: readonly number[],
): Promise<Link | undefined> {
  if (before === undefined) return undefined;
  let link: Link | undefined;
  try {
    link = await open(options);
    if (!(await link.dialogue.exchange('UIDL')).ok) throw new NotTheSame();
    const then = byNumber(before);
    const now = byNumber(await readUniqueIdListing(link.dialogue.block('UIDL')));
    if (!numbers.every((number) => isSame(then.get(number), now.get(number)))) throw new NotTheSame();
    link.connection.note('out of step with the server: from here on one command at a time');
    return link;
  } catch (error) {
    link?.connection.close();
    if (error instanceof NotTheSame || error instanceof MailError) return undefined;
    throw error;
  }
}

class NotTheSame extends Error {}

function byNumber(rows: readonly UniqueIdListing[]): ReadonlyMap<number, string> {
  return new Map(rows.map(({ number, uniqueId }) => [number, uniqueId]));
}

function isSame(before: string | undefined, now: string | undefined): boolean {
  return before !== undefined && before === now;
}
