/** How many may be at work at once in the group of this name. */
export interface Limit {
  readonly group: string;
  readonly most: number;
}

/**
 * Does `work` for each item, at most `jobs` at once, and begins in their order whatever the limits of its groups allow.
 * Resolves to the results in the order of the items; `work` should not reject: its first failure is thrown, and nothing
 * more is begun.
 */
export async function inParallel<Item, Result>(
  items: readonly Item[],
  { jobs, limitsOf }: { readonly jobs: number; readonly limitsOf: (item: Item) => readonly Limit[] },
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const waiting = items.map((item, at) => ({ at, item, limits: limitsOf(item) }));
  const busy = new Map<string, number>();
  const working = new Set<Promise<void>>();
  const results = new Map<number, Result>();
  const count = (limits: readonly Limit[], change: number) => {
    for (const { group } of limits) busy.set(group, (busy.get(group) ?? 0) + change);
  };
  for (;;) {
    while (working.size < jobs) {
      const free = waiting.findIndex(({ limits }) =>
        limits.every(({ group, most }) => (busy.get(group) ?? 0) < most),
      );
      const [next] = free === -1 ? [] : waiting.splice(free, 1);
      if (next === undefined) break;
      count(next.limits, 1);
      const done: Promise<void> = work(next.item).then((result) => {
        results.set(next.at, result);
        count(next.limits, -1);
        working.delete(done);
      });
      working.add(done);
    }
    if (working.size === 0) break;
    await Promise.race(working);
  }
  return items.flatMap((_, at) => (results.has(at) ? [results.get(at) as Result] : []));
}
