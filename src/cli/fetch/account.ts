import { ConfigError, UnsupportedError } from '../../errors.ts';
import type { Journal } from '../../store/index.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import { readMaildrop, totalSize } from '../maildrop.ts';
import { checkMayDelete, connectPop3 } from '../pop3-connection.ts';
import { octets } from '../progress.ts';
import type { Row } from '../selection.ts';
import { withConfigured } from './configured.ts';
import { openStore } from './destination.ts';
import { destinationOf, type FetchOptionValues, policyOf } from './options.ts';
import { type Item, type Plan, planOf } from './plan.ts';
import { fieldsOf, NO_UID, Run } from './run.ts';

/** What is counted, and starts from nothing. */
export const NO_COUNTS = { stored: 0, duplicates: 0, failed: 0, skipped: 0, deleted: 0 } as const;

/** The last line of a run from the start. */
export const NOTHING_FETCHED = { account: null, ...NO_COUNTS, committed: null } as const;

/** Fetches what is new for the account of `ctx`, by the flags and what its configuration adds to them. Resolves to the exit code. */
export async function fetchAccount(ctx: Context, typed: FetchOptionValues): Promise<number> {
  const options = await withConfigured(typed, ctx.settings.commandTables('fetch'), ctx.io.env);
  const destination = destinationOf(options);
  const policy = await policyOf(options);
  const looks = options.check === true || options.dryRun === true;
  if (policy.deleteAfterMs !== undefined && !looks) checkMayDelete(ctx);
  // One by one: what stores mail in other ways is not loaded.
  const [{ Journal }, { Lock }, { MessageNames, numbered }, { stateDirectory, stateFiles }] =
    await Promise.all([
      import('../../store/journal.ts'),
      import('../../store/lock.ts'),
      import('../../store/names.ts'),
      import('../../store/state.ts'),
    ]);
  const account = await ctx.account('pop3');
  const key = { host: account.host, port: account.port, user: account.username ?? '' };
  const state = ctx.settings.text('state-dir') ?? stateDirectory(ctx.io.env);
  const files = await stateFiles(state, key);
  const whose = `${key.user}@${key.host}:${key.port}`;
  using _lock = looks ? undefined : await Lock.acquire(files.lock, { what: whose, signal: ctx.signal });
  await using journal = await Journal.open(files.journal, { account: whose, readOnly: looks });
  if (journal.damaged > 0)
    ctx.output.warn(
      `${journal.path}: ${journal.damaged} lines could not be read; what they told of may come again`,
    );
  ctx.output.document({ account: ctx.settings.accountOf('pop3') });

  const names = new MessageNames(key);
  // Before the server is asked for anything: a place that cannot be written to is no reason to log in.
  await using store =
    looks || destination === undefined ? undefined : await openStore(ctx, destination, names, state);
  const pop3 = await connectPop3(ctx);
  try {
    const { rows } = await readMaildrop(pop3, 'needed');
    const listed = rows.flatMap((row) =>
      row.uid === undefined ? [] : [{ ...row, uid: row.uid, uniqueId: row.uid }],
    );
    const nameless = rows.filter(({ uid }) => uid === undefined);
    if (listed.length === 0 && nameless.length > 0) throw missingIds(nameless.length);
    const items: readonly Item[] = numbered(listed);
    checkReset(ctx, journal, items, options.onUidReset ?? 'stop');
    const plan = planOf(
      items,
      (id) => journal.get(id),
      (id) => journal.isSetAside(id),
      policy,
      Date.now(),
    );
    for (const { number } of nameless)
      ctx.output.warn(`message ${number} has no unique-id, and stays on the server`);
    if (options.check === true) {
      await pop3.quit();
      ctx.output.line(`${plan.fetch.length} ${totalSize(plan.fetch)}`);
      ctx.output.document({ new: plan.fetch.length, size: totalSize(plan.fetch) });
      return plan.fetch.length > 0 ? EXIT.done : EXIT.no;
    }
    if (store === undefined) {
      await pop3.quit();
      return await tellPlan(ctx, plan, nameless);
    }
    const run = new Run(ctx, pop3, journal, store, names, plan);
    await run.pass(nameless);
    const exit = await run.whole(items);
    if (nameless.length > 0) throw missingIds(nameless.length);
    return exit;
  } finally {
    pop3.close();
  }
}

function missingIds(count: number): UnsupportedError {
  return new UnsupportedError(`the server gives no unique-id to ${count} of its messages`, 'UIDL', {
    stage: 'uidl',
    hint: 'what was fetched cannot be told from what is new; mailtool retr all --delete takes everything',
  });
}

/** New ids for old messages would have everything come again. */
function checkReset(
  ctx: Context,
  journal: Journal,
  items: readonly Item[],
  what: 'stop' | 'warn' | 'refetch',
): void {
  const { reset, known, unknown } = journal.compare(items);
  if (!reset || what === 'refetch') return;
  const message = `the server knows none of ${known} messages any more, and has ${unknown} unknown ones: it may have given all of them new unique-ids`;
  if (what === 'warn') {
    ctx.output.warn(message);
    return;
  }
  throw new ConfigError(message, {
    stage: 'uidl',
    hint: 'look with --dry-run; --on-uid-reset refetch fetches them, those that were fetched before once more',
  });
}

async function tellPlan(
  ctx: Context,
  { fetch, skip, remove, removable }: Plan,
  nameless: readonly Row[],
): Promise<number> {
  for (const item of fetch) {
    const also = removable(item) ? ', and delete' : '';
    ctx.output.line(`would fetch ${item.number} uid:${item.uid} (${octets(item.size)})${also}`);
    await ctx.output.event({ ...fieldsOf(item), status: 'would-fetch', delete: removable(item) });
  }
  for (const { item, reason } of skip.filter(({ reason }) => reason !== 'known')) {
    ctx.output.line(`would skip ${item.number} uid:${item.uid} (${octets(item.size)}): ${reason}`);
    await ctx.output.event({ ...fieldsOf(item), status: 'skipped', reason });
  }
  for (const row of nameless) {
    ctx.output.line(`would skip ${row.number} (${octets(row.size)}): ${NO_UID}`);
    await ctx.output.event({ ...fieldsOf(row), status: 'skipped', reason: NO_UID });
  }
  for (const item of remove) {
    ctx.output.line(`would delete ${item.number} uid:${item.uid} (${octets(item.size)}), fetched before`);
    await ctx.output.event({ ...fieldsOf(item), status: 'would-delete' });
  }
  ctx.output.document({ dryRun: true });
  return EXIT.done;
}
