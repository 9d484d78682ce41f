import { ConfigError, type MailError, StorageError, UnsupportedError } from '../../errors.ts';
import type { Pop3Client } from '../../pop3/index.ts';
import type { Incoming, Journal, MessageNames, Store } from '../../store/index.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import { openStore } from '../fetch/destination.ts';
import { defineFetch, destinationOf, type FetchOptionValues, policyOf } from '../fetch/options.ts';
import { type Item, type Plan, planOf } from '../fetch/plan.ts';
import { readMaildrop, totalSize } from '../maildrop.ts';
import { checkMayDelete, connectPop3, tellFallback } from '../pop3-connection.ts';
import { octets } from '../progress.ts';
import type { CommandDefinition } from './command.ts';

export const command: CommandDefinition<FetchOptionValues> = {
  connects: ['pop3'],
  examples: [
    'mailtool fetch --maildir ~/Mail',
    'mailtool fetch --maildir ~/Mail --delete-after 7d --max-size 10M',
    "mailtool fetch --exec 'procmail -d me' --delete --json | jq -c 'select(.status)'",
  ],
  notes: `Only what was not fetched before, by its unique-id; it stays on the server unless --delete or --delete-after. A message
is deleted only when it is on the disk, and so is the line that says so: a run that is killed fetches again rather than
loses. With --json a line for each message and one for the run. Nothing new is no output, and exit 0.
`,
  define: defineFetch,
  async run(ctx, _, options) {
    const destination = destinationOf(options);
    const policy = await policyOf(options);
    const looks = options.check === true || options.dryRun === true;
    if (policy.deleteAfterMs !== undefined && !looks) checkMayDelete(ctx);
    const { Journal, Lock, MessageNames, numbered, stateDirectory, stateFiles } = await import(
      '../../store/index.ts'
    );
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
    ctx.output.document({ stored: 0, duplicates: 0, failed: 0, skipped: 0, deleted: 0, committed: null });

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
      if (listed.length < rows.length) throw missingIds(rows.length - listed.length);
      const items: readonly Item[] = numbered(listed);
      checkReset(ctx, journal, items, options.onUidReset ?? 'stop');
      const plan = planOf(
        items,
        (id) => journal.get(id),
        (id) => journal.isSetAside(id),
        policy,
        Date.now(),
      );
      if (options.check === true) {
        await pop3.quit();
        ctx.output.line(`${plan.fetch.length} ${totalSize(plan.fetch)}`);
        ctx.output.document({ new: plan.fetch.length, size: totalSize(plan.fetch) });
        return plan.fetch.length > 0 ? EXIT.done : EXIT.no;
      }
      if (store === undefined) {
        await pop3.quit();
        return await tellPlan(ctx, plan);
      }
      await journal.observe(items);
      return await new Run(ctx, pop3, journal, store, names, plan).whole();
    } finally {
      pop3.close();
    }
  },
};

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

async function tellPlan(ctx: Context, { fetch, skip, remove, removable }: Plan): Promise<number> {
  for (const item of fetch) {
    const also = removable(item) ? ', and delete' : '';
    ctx.output.line(`would fetch ${item.number} uid:${item.uid} (${octets(item.size)})${also}`);
    await ctx.output.event({ ...fieldsOf(item), status: 'would-fetch', delete: removable(item) });
  }
  for (const { item, reason } of skip.filter(({ reason }) => reason !== 'known')) {
    ctx.output.line(`would skip ${item.number} uid:${item.uid} (${octets(item.size)}): ${reason}`);
    await ctx.output.event({ ...fieldsOf(item), status: 'skipped', reason });
  }
  for (const item of remove) {
    ctx.output.line(`would delete ${item.number} uid:${item.uid} (${octets(item.size)}), fetched before`);
    await ctx.output.event({ ...fieldsOf(item), status: 'would-delete' });
  }
  ctx.output.document({ dryRun: true });
  return EXIT.done;
}

const NO_ROOM: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT']);

const isFull = ({ cause }: StorageError) =>
  cause instanceof Error && 'code' in cause && NO_ROOM.has(cause.code);

const fieldsOf = ({ number, uid, size }: Item) => ({ number, uid, size });

/** One run over one maildrop: what it did so far, for the report. */
class Run {
  readonly #ctx: Context;
  readonly #pop3: Pop3Client;
  readonly #journal: Journal;
  readonly #store: Store;
  readonly #names: MessageNames;
  readonly #plan: Plan;
  readonly #failed: Item[] = [];
  readonly #counts = { stored: 0, duplicates: 0, failed: 0, skipped: 0 };
  #failure: unknown;
  /** There is no more room: the next messages would fare no better, and need not be fetched. */
  #full: StorageError | undefined;

  constructor(
    ctx: Context,
    pop3: Pop3Client,
    journal: Journal,
    store: Store,
    names: MessageNames,
    plan: Plan,
  ) {
    this.#ctx = ctx;
    this.#pop3 = pop3;
    this.#journal = journal;
    this.#store = store;
    this.#names = names;
    this.#plan = plan;
  }

  async whole(): Promise<number> {
    await this.#tellSkipped();
    const removing: Item[] = [...this.#plan.remove];
    try {
      removing.push(...(await this.#fetch()));
    } finally {
      await this.#journal.failed(this.#failed);
      this.#ctx.output.document(this.#counts);
    }
    await this.#leave(removing);
    this.#summary();
    if (this.#failure !== undefined) throw this.#failure;
    return EXIT.done;
  }

  async #tellSkipped(): Promise<void> {
    for (const { item, reason } of this.#plan.skip) {
      if (reason === 'known') continue;
      this.#counts.skipped += 1;
      await this.#ctx.output.event({ ...fieldsOf(item), status: 'skipped', reason });
      if (reason === 'set-aside') {
        this.#ctx.output.warn(
          `message uid:${item.uid} failed too often and is left alone; --retry-failed tries it again`,
        );
      } else
        this.#ctx.output.verbose(`left on the server: uid:${item.uid} (${octets(item.size)}), ${reason}`);
    }
  }

  /** Everything that is planned; gives what may be deleted now. */
  async #fetch(): Promise<Item[]> {
    const { fetch, removable } = this.#plan;
    const { keep } = await import('../../store/index.ts');
    const progress = this.#ctx.progress({ label: 'fetching', total: totalSize(fetch) });
    const removing: Item[] = [];
    let done = 0;
    try {
      for await (const { row: item, outcome } of keep(
        this.#store,
        this.#journal,
        this.#names,
        this.#incoming(fetch),
      )) {
        done += outcome.size;
        progress.update(done);
        if (outcome.status === 'failed') {
          await this.#fail(item, outcome.error);
          continue;
        }
        this.#counts[outcome.status === 'stored' ? 'stored' : 'duplicates'] += 1;
        const { path, size, status } = outcome;
        await this.#ctx.output.event({ ...fieldsOf(item), size, status, path });
        this.#ctx.output.verbose(
          `${status} uid:${item.uid} (${octets(size)})${path === null ? '' : ` ${path}`}`,
        );
        if (removable(item)) removing.push(item);
      }
    } finally {
      progress.finish();
    }
    return removing;
  }

  async *#incoming(fetch: readonly Item[]): AsyncGenerator<Incoming<Item>, void, void> {
    const byNumber = new Map(fetch.map((item) => [item.number, item]));
    for await (const { number, bytes, error } of this.#pop3.retrs(byNumber.keys())) {
      const item = byNumber.get(number);
      if (item === undefined) continue;
      if (this.#full !== undefined) throw this.#full;
      if (error === undefined) yield { id: item, row: item, bytes };
      else await this.#fail(item, error);
    }
  }

  /** One message that could not be had, or stored: the others go on. */
  async #fail(item: Item, error: MailError): Promise<void> {
    this.#failure ??= error;
    // A full disk, or a server that is busy, is no fault of the message.
    const isItsOwn = !error.retryable && !(error instanceof StorageError && error.step !== 'exec');
    if (isItsOwn) this.#failed.push(item);
    this.#counts.failed += 1;
    await this.#ctx.output.event({ ...fieldsOf(item), status: 'failed', error: error.message });
    if (error instanceof StorageError && isFull(error)) {
      if (this.#full !== undefined) return; // once is enough for a whole batch
      this.#full = error;
    }
    this.#ctx.output.warn(`message uid:${item.uid}: ${error.message}`);
  }

  /** Deletes and says goodbye: only the answer to QUIT makes it true. */
  async #leave(removing: readonly Item[]): Promise<void> {
    tellFallback(this.#ctx, this.#pop3);
    // What an earlier run left to be deleted waits for one that may.
    if (removing.length === 0 || this.#ctx.settings.is('read-only')) {
      await this.#pop3.quit();
      return;
    }
    await this.#journal.deletePending(removing);
    const refused = await this.#pop3.deles(removing.map(({ number }) => number));
    for (const [number, error] of refused) {
      this.#failure ??= error;
      this.#ctx.output.warn(`message ${number} could not be deleted: ${error.message}`);
    }
    const deleted = removing.filter(({ number }) => !refused.has(number));
    await this.#pop3.quit();
    await this.#journal.deleted(deleted);
    this.#ctx.output.document({ deleted: deleted.length, committed: true });
  }

  #summary(): void {
    const { stored, duplicates, failed } = this.#counts;
    if (stored + duplicates + failed === 0) return;
    const parts = [
      `${stored === 1 ? '1 message' : `${stored} messages`} stored`,
      ...(duplicates > 0 ? [`${duplicates} there already`] : []),
      ...(failed > 0 ? [`${failed} failed`] : []),
    ];
    this.#ctx.output.success(parts.join(', '));
  }
}
