import { type MailError, StorageError } from '../../errors.ts';
import type { Pop3Client } from '../../pop3/index.ts';
import type { Incoming, Journal, MessageNames, Store } from '../../store/index.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import { totalSize } from '../maildrop.ts';
import { tellFallback } from '../pop3-connection.ts';
import { octets } from '../progress.ts';
import type { Row } from '../selection.ts';
import type { Item, Plan } from './plan.ts';

const NO_ROOM: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT']);

const isFull = ({ cause }: StorageError) =>
  cause instanceof Error && 'code' in cause && NO_ROOM.has(cause.code);

/** A message in a line of JSON. */
export const fieldsOf = ({ number, uid, size }: Row) => ({ number, uid: uid ?? null, size });

/** Why a message that the server gives no unique-id to is left where it is. */
export const NO_UID = 'no-uid';

/** One run over one maildrop: what it did so far, for the report. */
export class Run {
  readonly #ctx: Context;
  readonly #pop3: Pop3Client;
  readonly #journal: Journal;
  readonly #store: Store;
  readonly #names: MessageNames;
  readonly #plan: Plan;
  readonly #failed: Item[] = [];
  readonly #counts = { stored: 0, duplicates: 0, failed: 0, skipped: 0 };
  #failure: unknown;
  /** There is no more room, or no command: the next messages would fare no better, and need not be fetched. */
  #hopeless: StorageError | undefined;

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

  /** Takes note of messages that cannot be fetched, since what is fetched could not be told from what is new. */
  async pass(nameless: readonly Row[]): Promise<void> {
    for (const row of nameless) {
      this.#counts.skipped += 1;
      await this.#ctx.output.event({ ...fieldsOf(row), status: 'skipped', reason: NO_UID });
    }
  }

  /** All that is planned for the maildrop, which the journal takes note of first. Resolves to the exit code. */
  async whole(listing: readonly Item[]): Promise<number> {
    await this.#tellSkipped();
    let removing = this.#plan.remove;
    try {
      removing = [...removing, ...(await this.#fetch(listing))];
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
  async #fetch(listing: readonly Item[]): Promise<Item[]> {
    const { fetch, removable } = this.#plan;
    const { keep } = await import('../../store/keep.ts');
    const progress = this.#ctx.progress({ label: 'fetching', total: totalSize(fetch) });
    const removing: Item[] = [];
    let done = 0;
    try {
      for await (const { row: item, outcome } of keep(
        this.#store,
        this.#journal,
        this.#names,
        this.#incoming(fetch, listing),
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

  async *#incoming(
    fetch: readonly Item[],
    listing: readonly Item[],
  ): AsyncGenerator<Incoming<Item>, void, void> {
    const byNumber = new Map(fetch.map((item) => [item.number, item]));
    const asked = this.#pop3.retrs(byNumber.keys());
    // A server takes its time for the first message, and the journal for the listing: the one while the other.
    const first = asked.next();
    first.catch(() => undefined); // it is awaited when the journal is written, perhaps later than it fails
    await this.#journal.observe(listing);
    try {
      for (let step = await first; step.done !== true; step = await asked.next()) {
        const { number, bytes, error } = step.value;
        const item = byNumber.get(number);
        if (item === undefined) continue;
        if (this.#hopeless !== undefined) throw this.#hopeless;
        if (error === undefined) yield { id: item, row: item, bytes };
        else await this.#fail(item, error);
      }
    } finally {
      await asked.return();
    }
  }

  /** One message that could not be had, or stored: the others go on. */
  async #fail(item: Item, error: MailError): Promise<void> {
    this.#failure ??= error;
    // A full disk, a server that is busy, or a command that is not there, is no fault of the message.
    const isItsOwn = !error.retryable && !(error instanceof StorageError && error.step !== 'exec');
    if (isItsOwn) this.#failed.push(item);
    this.#counts.failed += 1;
    await this.#ctx.output.event({ ...fieldsOf(item), status: 'failed', error: error.message });
    if (error instanceof StorageError && (isFull(error) || error.step === 'start')) {
      if (this.#hopeless !== undefined) return; // once is enough for a whole batch
      this.#hopeless = error;
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
