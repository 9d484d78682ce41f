import { UnsupportedError, UsageError } from '../errors.ts';
import type { Pop3Client } from '../pop3/index.ts';
import type { Context } from './context.ts';
import type { Filter } from './filter.ts';
import { readSummaries, type Summaries, type Summary } from './list/summaries.ts';
import { parseSelection, type Row, type Selection, select } from './selection.ts';

/** What a command is going to work on. */
export interface Plan {
  readonly rows: readonly Row[];
  /** Of messages whose header had to be read for that. */
  readonly summaries: ReadonlyMap<number, Summary>;
  /** How many candidates were not looked at because there were enough. */
  readonly unseen: number;
}

export interface PlanOptions {
  /** Unique-ids have to be given in full. */
  readonly whole?: boolean;
  /** The newest first, in place of the order of the words. */
  readonly newestFirst?: boolean;
  /** No more than so many are wanted. */
  readonly limit?: number | undefined;
}

/** Whether unique-ids decide which messages are meant. */
export function needsUids(selection: Selection, filter: Filter | undefined): boolean {
  return selection.byUid || filter?.fetched !== undefined;
}

/** So many headers are asked for at a time where a few matches may be enough. */
const BATCH = 200;

/** The words of a command as a selection: all messages where there are filters alone, a `UsageError` where there is nothing. */
export function selectionOf(words: readonly string[], filter: Filter | undefined): Selection {
  if (words.length > 0 || filter !== undefined) return parseSelection(words.length > 0 ? words : ['all']);
  throw new UsageError('which messages?', {
    hint: 'a number (3), 2-5, 7-, first:10, last, last:5, all, uid:XYZ, or filters (--from, --subject, --new, ...)',
  });
}

/**
 * The messages that `selection` names and `filter` leaves, out of the `all` that LIST and UIDL gave. What is new and sizes
 * are judged first; headers are read, by TOP, of what is left then, and only as long as more are wanted.
 */
export async function plan(
  ctx: Context,
  pop3: Pop3Client,
  selection: Selection,
  filter: Filter | undefined,
  all: readonly Row[],
  { whole = false, newestFirst = false, limit = Number.POSITIVE_INFINITY }: PlanOptions = {},
): Promise<Plan> {
  const chosen = select(selection, all, { whole });
  if (newestFirst) chosen.reverse().sort((one, other) => other.number - one.number);
  const fresh = filter?.fetched?.select(all);
  const candidates =
    filter === undefined
      ? chosen
      : chosen.filter((row) => filter.size(row) && fresh?.has(row.number) !== false);
  if (filter?.header === undefined) {
    const rows = candidates.slice(0, limit);
    return { rows, summaries: new Map(), unseen: candidates.length - rows.length };
  }
  const rows: Row[] = [];
  const summaries = new Map<number, Summary>();
  const progress = ctx.progress({ label: 'reading headers', total: candidates.length, unit: 'messages' });
  const batch = Number.isFinite(limit) ? BATCH : candidates.length;
  let seen = 0;
  let failed = 0;
  try {
    while (seen < candidates.length && rows.length < limit) {
      const looked = candidates.slice(seen, seen + batch);
      const found = await readSummaries(pop3, looked, progress, filter.header);
      failed += checked(ctx, found, pop3, failed === 0);
      seen += looked.length;
      for (const row of looked) {
        const summary = found.byNumber.get(row.number);
        if (summary === undefined || rows.length >= limit) continue;
        rows.push(row);
        summaries.set(row.number, summary);
      }
    }
  } finally {
    progress.finish();
  }
  return { rows, summaries, unseen: candidates.length - seen };
}

/** How many headers were refused; without TOP there is nothing to filter by. */
function checked(
  ctx: Context,
  { refusal, refused, byNumber }: Summaries,
  pop3: Pop3Client,
  isFirst: boolean,
): number {
  if (refusal === undefined) return 0;
  if (byNumber.size === 0 && !pop3.capabilities.has('TOP')) {
    throw new UnsupportedError('the filters need TOP, which the server does not have', 'TOP', {
      stage: 'top',
      command: refusal.command,
      reply: refusal.reply,
      cause: refusal,
      hint: 'name the messages by number or unique-id, or by --larger and --smaller alone',
    });
  }
  if (isFirst) ctx.output.warn(`some messages cannot be judged, and are left out: ${refusal.message}`);
  return refused;
}
