import type { Entry, MessageId } from '../../store/index.ts';
import type { Row } from '../selection.ts';
import type { Policy } from './options.ts';

/** A message of the maildrop, by its unique-id. */
export interface Item extends Row, MessageId {
  readonly uid: string;
}

export type SkipReason = 'known' | 'too-large' | 'limit' | 'set-aside';

/** What a run will do. */
export interface Plan {
  readonly fetch: readonly Item[];
  readonly skip: readonly { readonly item: Item; readonly reason: SkipReason }[];
  /** Stored by an earlier run, and to be deleted now. */
  readonly remove: readonly Item[];
  /** Whether an item may be deleted once it is stored. */
  removable(item: Item): boolean;
}

/** What is known of a message; absent: nothing. */
type Known = (id: MessageId) => Entry | undefined;

/**
 * Decides in memory, before the journal takes note of the listing, from LIST, UIDL and the journal alone. `isSetAside` says
 * of what failed so often that it is left alone. The maildrop is in the order of its numbers, the oldest first. Nothing is
 * deleted that may not have been stored.
 */
export function planOf(
  items: readonly Item[],
  known: Known,
  isSetAside: (id: MessageId) => boolean,
  policy: Policy,
  nowMs: number,
): Plan {
  const fetch: Item[] = [];
  const skip: { readonly item: Item; readonly reason: SkipReason }[] = [];
  const remove: Item[] = [];
  const newest = new Set(policy.keepNewest === 0 ? [] : items.slice(-policy.keepNewest));
  const removable = (item: Item): boolean => {
    if (policy.deleteAfterMs === undefined || newest.has(item)) return false;
    if (policy.deleteAfterMs === 0) return true;
    const firstSeen = known(item)?.firstSeen;
    return firstSeen !== undefined && firstSeen * 1000 + policy.deleteAfterMs <= nowMs;
  };
  const doubled = new Set(items.filter(({ occurrence }) => occurrence > 1).map(({ uniqueId }) => uniqueId));
  for (const item of items) {
    const entry = known(item);
    const { state } = entry ?? {};
    // Of messages with one unique-id the second becomes the first when that is deleted: what is known may be of the other.
    const isDoubled =
      doubled.has(item.uniqueId) || known({ uniqueId: item.uniqueId, occurrence: 2 }) !== undefined;
    // What was deleted, was gone, and is there again is another message.
    const isGone = state === 'delete-pending' || state === 'deleted';
    const isStored =
      (state === 'stored' && !(isDoubled && removable(item))) ||
      (isGone && !isDoubled && entry?.absentSince === 0);
    const reason: SkipReason | undefined =
      isStored && !policy.all
        ? 'known'
        : !isStored && isSetAside(item) && !policy.retryFailed
          ? 'set-aside'
          : item.size > policy.maxSize
            ? 'too-large'
            : fetch.length >= policy.limit
              ? 'limit'
              : undefined;
    if (reason === undefined) fetch.push(item);
    else {
      skip.push({ item, reason });
      if (isStored && removable(item)) remove.push(item);
    }
  }
  return { fetch, skip, remove, removable };
}
