import type { UniqueIdListing } from '../../pop3/index.ts';

/** A message of one session, and what tells it from all others in every session. */
export interface Known {
  readonly number: number;
  readonly uid: string;
  /** The unique-id and which of the messages with it: two equal messages may share one (RFC 1939 7). */
  readonly key: string;
}

/** The messages of a UIDL listing by number, ascending: the oldest first. */
export function knownOf(listed: readonly UniqueIdListing[]): Known[] {
  const counts = new Map<string, number>();
  return [...listed]
    .sort((one, other) => one.number - other.number)
    .map(({ number, uniqueId: uid }) => {
      const count = (counts.get(uid) ?? 0) + 1;
      counts.set(uid, count);
      return { number, uid, key: count === 1 ? uid : `${uid} ${count}` }; // no unique-id has a blank in it
    });
}

/** The keys of messages that were there, by their unique-ids; one that is listed twice was there twice. */
export function keysOf(uids: readonly string[]): Set<string> {
  return new Set(knownOf(uids.map((uniqueId, number) => ({ number, uniqueId }))).map(({ key }) => key));
}
