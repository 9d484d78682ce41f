import { UsageError } from '../../errors.ts';
import type { Mailbox } from '../../mime/index.ts';
import type { Pop3Client } from '../../pop3/index.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import type { Fetched } from '../fetch/fetched.ts';
import { defineFilters, FILTER_HELP, type Filter, type FilterOptions, filterOf } from '../filter.ts';
import type { HeaderCache } from '../list/header-cache.ts';
import { ofTheirSizes, singles } from '../list/singles.ts';
import { readSummaries, type Summaries, type Summary } from '../list/summaries.ts';
import { type Listed, plainLine, table } from '../list/table.ts';
import { readMaildrop, totalSize, withUids } from '../maildrop.ts';
import { needsUids, plan } from '../plan.ts';
import { withPop3 } from '../pop3-connection.ts';
import { parseSelection, type Row, SELECTION_HELP, type Selection } from '../selection.ts';
import type { CommandDefinition } from './command.ts';

interface Options extends FilterOptions {
  readonly limit?: string;
  readonly all?: true;
  /** False with `--no-headers`. */
  readonly headers: boolean;
  readonly plain?: true;
  readonly reverse?: true;
}

/** So many messages are shown unless more are asked for. */
const LIMIT = 50;
/** Of a terminal that does not say. */
const USUAL_COLUMNS = 80;

export const command: CommandDefinition<Options> = {
  connects: ['pop3'],
  document: { account: null, total: null, totalSize: null, messages: [] },
  examples: [
    'mailtool list',
    'mailtool list --plain last:10 | cut -f3      # unique-ids',
    "mailtool list --json --all | jq -r '.messages[].subject'",
  ],
  notes: `Newest first; once fetch has a journal of the account, * behind a unique-id marks what it has not fetched yet.
--plain has a line for each message with tabs between: number size uid date from subject.\n${SELECTION_HELP}${FILTER_HELP}`,
  define: (program) =>
    defineFilters(
      program
        .argument('[selection...]', `the messages; the newest ${LIMIT} when left out`)
        .option('--limit <n>', `show at most so many (${LIMIT})`)
        .option('--all', 'show all of them')
        .option('--no-headers', 'ask for no headers: numbers, sizes and unique-ids only')
        .option('--plain', 'for scripts: tabs, nothing cut, no head')
        .option('--reverse', 'oldest first'),
    ),
  async run(ctx, words, options) {
    const limit = limitOf(options, words.length > 0);
    const filter = await filterOf(ctx, options);
    const selection = parseSelection(words.length === 0 ? ['all'] : words);
    ctx.output.document({ account: ctx.settings.accountOf('pop3') });
    const fetched = filter?.fetched ?? (options.plain === true ? undefined : await knownFetched(ctx));
    const { rows, hidden, sure, ...drop } = await withPop3(ctx, (pop3) =>
      read(ctx, pop3, { selection, filter, fetched, limit, headers: options.headers }),
    );
    if (options.reverse === true) rows.reverse();
    ctx.output.document({ ...drop, messages: ctx.output.json ? rows.map(fieldsOf) : [] });
    await print(ctx, rows, options.plain === true);
    if (hidden > 0)
      ctx.output.success(
        `${hidden} older ${hidden === 1 ? 'message is' : 'messages are'} not ${sure ? 'shown' : 'looked at'}: --all shows ${sure ? 'them' : 'what matches'}`,
      );
    return EXIT.done;
  },
};

function limitOf({ limit, all }: Options, selected: boolean): number | undefined {
  if (limit !== undefined && all === true) throw new UsageError('--limit and --all exclude each other');
  if (limit === undefined) return all === true || selected ? undefined : LIMIT;
  if (!/^\d{1,9}$/.test(limit)) throw new UsageError(`--limit ${JSON.stringify(limit)} is no number`);
  return Number(limit);
}

/** Of a message whose header was not read. */
const UNREAD: Partial<Summary> = {};

interface Wanted {
  readonly selection: Selection;
  readonly filter: Filter | undefined;
  /** Undefined: what is new is not known, or not asked. */
  readonly fetched: Fetched | undefined;
  readonly limit: number | undefined;
  readonly headers: boolean;
}

async function read(
  ctx: Context,
  pop3: Pop3Client,
  { selection, filter, fetched, limit, headers }: Wanted,
): Promise<{ rows: Listed[]; hidden: number; sure: boolean; total: number; totalSize: number }> {
  // Of a big maildrop the unique-ids of the few messages that are shown are enough, unless they decide which these are.
  const all = selection.byUid || filter?.header !== undefined || fetched !== undefined;
  const drop = await readMaildrop(pop3, needsUids(selection, filter) ? 'needed' : all ? 'wanted' : 'no');
  const chosen = await plan(ctx, pop3, selection, filter, drop.rows, { newestFirst: true, limit });
  const cache = headers && chosen.rows.length > 0 ? await cacheFor(ctx, pop3) : undefined;
  const asked = cache === undefined ? chosen.rows : ofTheirSizes(chosen.rows, drop.rows);
  const { rows: known, uidProblem } = all ? drop : await withUids(pop3, asked, 'wanted');
  if (uidProblem !== undefined && drop.rows.length > 0) {
    ctx.output.warn(`no unique-ids: ${uidProblem.message}`);
  }
  const rows = all ? chosen.rows : joined(chosen.rows, known);
  const summaries = new Map(chosen.summaries);
  const cacheable = cache === undefined ? [] : singles(rows, known);
  for (const row of cacheable) {
    const summary = cache?.get(row);
    if (summary !== undefined && !summaries.has(row.number)) summaries.set(row.number, summary);
  }
  const unread = rows.filter(({ number }) => !summaries.has(number));
  if (headers && unread.length > 0) {
    for (const [number, summary] of (await readHeaders(ctx, pop3, unread)).byNumber)
      summaries.set(number, summary);
  }
  // The newest last, which are to stay the longest.
  for (const row of cacheable.toReversed()) {
    const summary = summaries.get(row.number);
    if (summary !== undefined) cache?.set(row, summary);
  }
  cache?.save();
  const fresh = fetched?.newOf(rows, drop.rows);
  return {
    rows: rows.map(({ number, size, uid }) => {
      const { date, from, to, subject, messageId } = summaries.get(number) ?? UNREAD;
      const isNew = uid === undefined ? undefined : fresh?.has(number);
      return { number, size, uid, isNew, date, from, to, subject, messageId };
    }),
    hidden: chosen.unseen,
    sure: filter?.header === undefined,
    total: drop.rows.length,
    totalSize: totalSize(drop.rows),
  };
}

/** With the unique-ids that were asked for. */
function joined(rows: readonly Row[], known: readonly Row[]): readonly Row[] {
  const byNumber = new Map(known.map((row) => [row.number, row]));
  return rows.map((row) => byNumber.get(row.number) ?? row);
}

/**
 * What was shown before; undefined where that is not wanted, or the server has not proved who it is. Behind a port of this
 * machine may be another one each time, with the same unique-ids for other messages.
 */
async function cacheFor(ctx: Context, pop3: Pop3Client): Promise<HeaderCache | undefined> {
  if (pop3.tls?.verified !== true || ctx.settings.text('cache') === 'off') return undefined;
  const { cacheDirectory, HeaderCache } = await import('../list/header-cache.ts');
  const directory = cacheDirectory(ctx.io.env);
  if (directory === undefined) return undefined;
  const { host, port, username } = await ctx.account('pop3');
  return HeaderCache.open(directory, { host, port, user: username ?? '' });
}

async function knownFetched(ctx: Context): Promise<Fetched | undefined> {
  const { fetchedIfKnown } = await import('../fetch/fetched.ts');
  return fetchedIfKnown(ctx);
}

async function readHeaders(ctx: Context, pop3: Pop3Client, rows: readonly Row[]): Promise<Summaries> {
  const progress = ctx.progress({ label: 'reading headers', total: rows.length, unit: 'messages' });
  let summaries: Summaries;
  try {
    summaries = await readSummaries(pop3, rows, progress);
  } finally {
    progress.finish();
  }
  const { refusal, refused, byNumber } = summaries;
  if (refusal !== undefined) {
    const which = byNumber.size === 0 ? 'no headers' : `no headers of ${refused} messages`;
    ctx.output.warn(`${which}: ${refusal.message}`);
  }
  return summaries;
}

async function print({ output }: Context, rows: readonly Listed[], plain: boolean): Promise<void> {
  if (output.json || rows.length === 0) return;
  if (plain) {
    for (const row of rows) output.line(plainLine(row));
    return;
  }
  const [head = '', ...lines] = await table(
    rows,
    output.stdoutIsTTY ? (output.columns ?? USUAL_COLUMNS) : undefined,
  );
  if (output.stdoutIsTTY) output.line(head, (text, style) => style.strong(text));
  for (const line of lines) output.line(line);
}

function fieldsOf({
  number,
  uid,
  size,
  date,
  from,
  to,
  subject,
  messageId,
  isNew,
}: Listed): Record<string, unknown> {
  const addresses = (list: readonly Mailbox[] = []) => list.map(({ name, address }) => ({ name, address }));
  return {
    number,
    uid: uid ?? null,
    size,
    date: date?.toISOString() ?? null,
    from: addresses(from),
    to: addresses(to),
    subject: subject ?? null,
    messageId: messageId ?? null,
    new: isNew ?? null,
  };
}
