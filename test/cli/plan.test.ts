import { describe, expect, test } from 'vitest';
import type { Policy } from '../../src/cli/fetch/options.ts';
import { type Item, planOf } from '../../src/cli/fetch/plan.ts';
import { type Entry, numbered } from '../../src/store/index.ts';

const DAY = 86_400;
const NOW = 1_000 * DAY;
const keep: Policy = {
  all: false,
  retryFailed: false,
  maxSize: Number.POSITIVE_INFINITY,
  limit: Number.POSITIVE_INFINITY,
  deleteAfterMs: undefined,
  keepNewest: 0,
};
const remove: Policy = { ...keep, deleteAfterMs: 0 };

const items = (...uids: string[]): Item[] =>
  numbered(uids.map((uid, at) => ({ number: at + 1, size: 100, uid, uniqueId: uid })));
const entry = (state: Entry['state'], more: Partial<Entry> = {}): Entry => ({
  state,
  firstSeen: NOW - 10 * DAY,
  absentSince: 0,
  failures: 0,
  ...more,
});

/** What is planned for a listing, by message number. `known` is by unique-id and occurrence. */
function planned(listing: readonly Item[], known: Readonly<Record<string, Entry>>, policy: Policy) {
  const look = ({ uniqueId, occurrence }: Pick<Item, 'uniqueId' | 'occurrence'>) =>
    known[`${uniqueId}${occurrence}`];
  const plan = planOf(listing, look, (id) => (look(id)?.failures ?? 0) >= 5, policy, NOW * 1000);
  return {
    fetch: plan.fetch.map(({ number }) => number),
    remove: plan.remove.map(({ number }) => number),
    after: plan.fetch.filter((item) => plan.removable(item)).map(({ number }) => number),
    skip: plan.skip.map(({ item, reason }) => `${item.number} ${reason}`),
  };
}

describe('what a run will do', () => {
  test.each<[string, readonly Item[], Record<string, Entry>, Policy, Partial<ReturnType<typeof planned>>]>([
    ['all is new', items('a', 'b'), {}, keep, { fetch: [1, 2], remove: [], after: [] }],
    [
      'what is stored stays',
      items('a'),
      { a1: entry('stored') },
      keep,
      { fetch: [], remove: [], skip: ['1 known'] },
    ],
    [
      'what is stored is deleted when asked',
      items('a'),
      { a1: entry('stored') },
      remove,
      { fetch: [], remove: [1] },
    ],
    [
      'a deletion that was not confirmed',
      items('a'),
      { a1: entry('delete-pending') },
      remove,
      { fetch: [], remove: [1] },
    ],
    ['deleted, and still there', items('a'), { a1: entry('deleted') }, remove, { fetch: [], remove: [1] }],
    [
      'deleted, gone, and there again: another message',
      items('a'),
      { a1: entry('deleted', { absentSince: NOW - DAY }) },
      remove,
      { fetch: [1], remove: [], after: [1] },
    ],
    [
      'stored, out of the window, and back: known',
      items('a'),
      { a1: entry('stored', { absentSince: NOW - DAY }) },
      keep,
      { fetch: [], skip: ['1 known'] },
    ],
    [
      'one of two with the same unique-id was deleted: the other may be the one that is left',
      items('a'),
      { a1: entry('deleted'), a2: entry('failed', { failures: 1 }) },
      remove,
      { fetch: [1], remove: [], after: [1] },
    ],
    [
      'two with the same unique-id are deleted only when stored in this run',
      items('a', 'a'),
      { a1: entry('stored'), a2: entry('stored') },
      remove,
      { fetch: [1, 2], remove: [], after: [1, 2] },
    ],
    [
      'failed often enough',
      items('a'),
      { a1: entry('failed', { failures: 5 }) },
      remove,
      { fetch: [], remove: [], skip: ['1 set-aside'] },
    ],
    [
      'by age',
      items('a', 'b', 'c'),
      { a1: entry('stored'), b1: entry('stored', { firstSeen: NOW - 3 * DAY }) },
      { ...keep, deleteAfterMs: 7 * DAY * 1000 },
      { fetch: [3], remove: [1], after: [] },
    ],
    [
      'the newest stay',
      items('a', 'b', 'c'),
      { a1: entry('stored'), b1: entry('stored') },
      { ...remove, keepNewest: 2 },
      { fetch: [3], remove: [1], after: [] },
    ],
    [
      'no more than so many, the oldest first',
      items('a', 'b'),
      {},
      { ...keep, limit: 1 },
      { fetch: [1], skip: ['2 limit'] },
    ],
  ])('%s', (_, listing, known, policy, wanted) => {
    expect(planned(listing, known, policy)).toMatchObject(wanted);
  });
});
