import { statSync } from 'node:fs';
import { UnsupportedError } from '../../errors.ts';
import type { Journal } from '../../store/journal.ts';
import { numbered } from '../../store/names.ts';
import { stateDirectory, stateFileNames } from '../../store/state.ts';
import type { Context } from '../context.ts';
import type { Row } from '../selection.ts';
import type { Policy } from './options.ts';
import { type Item, planOf } from './plan.ts';

/** What `fetch` takes when nothing limits it. */
const ALL_THAT_IS_NEW: Policy = {
  all: false,
  retryFailed: true,
  maxSize: Number.POSITIVE_INFINITY,
  limit: Number.POSITIVE_INFINITY,
  deleteAfterMs: undefined,
  keepNewest: 0,
};

/** What fetch has fetched for the account of the settings, to look at only: under no lock, and nothing is made or mended. */
export class Fetched {
  readonly #ctx: Context;
  readonly #journal: Journal;

  constructor(ctx: Context, journal: Journal) {
    this.#ctx = ctx;
    this.#journal = journal;
  }

  /** The numbers of those of `rows` that fetch would fetch, `all` being there; what has no unique-id is not among them. */
  newOf(rows: readonly Row[], all: readonly Row[]): ReadonlySet<number> {
    // Others matter only where they have the same unique-id.
    const uids = new Set(rows.map(({ uid }) => uid));
    const items = itemsOf(all.filter(({ uid }) => uids.has(uid)));
    return new Set(this.#newItems(items).map(({ number }) => number));
  }

  /** The same for `--new`: `UnsupportedError` where a message has no unique-id, a warning where all of them may have changed. */
  select(rows: readonly Row[]): ReadonlySet<number> {
    const items = itemsOf(rows);
    if (items.length < rows.length) {
      throw new UnsupportedError(
        `the server gives no unique-id to ${rows.length - items.length} of its messages`,
        'UIDL',
        { stage: 'uidl', hint: 'what was fetched cannot be told from what is new: leave --new out' },
      );
    }
    const { reset, known, unknown } = this.#journal.compare(items);
    if (reset) {
      this.#ctx.output.warn(
        `the server knows none of ${known} messages any more, and has ${unknown} unknown ones: it may have given all of them new unique-ids, and what looks new may not be`,
      );
    }
    return new Set(this.#newItems(items).map(({ number }) => number));
  }

  #newItems(items: readonly Item[]): readonly Item[] {
    return planOf(
      items,
      (id) => this.#journal.get(id),
      () => false,
      ALL_THAT_IS_NEW,
      Date.now(),
    ).fetch;
  }
}

function itemsOf(rows: readonly Row[]): Item[] {
  return numbered(
    rows.flatMap(({ number, size, uid }) =>
      uid === undefined ? [] : [{ number, size, uid, uniqueId: uid }],
    ),
  );
}

/** For `--new`. Without a journal nothing was fetched yet, which is said. Errors are those of `Journal.open`. */
export async function openFetched(ctx: Context): Promise<Fetched> {
  const { path, octets, open } = await locate(ctx);
  if (octets === undefined) {
    ctx.output.warn(`fetch has fetched nothing of this account so far, so all of it is new (no ${path})`);
  }
  return open();
}

/** A larger journal, of 20,000 messages and more, takes longer to read than to list what is there. */
const QUICKLY_READ = 2 * 1024 * 1024;

/**
 * For those who would like to know, and have not asked: undefined where there is no journal, or none that is soon read, or
 * none that can be, which is a warning.
 */
export async function fetchedIfKnown(ctx: Context): Promise<Fetched | undefined> {
  const { octets, open } = await locate(ctx);
  if (octets === undefined || octets > QUICKLY_READ) return undefined;
  try {
    return await open();
  } catch (error) {
    ctx.output.warn(`what is new cannot be told: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

interface Place {
  readonly path: string;
  /** Undefined: it is not there. Without end: nobody may look. */
  readonly octets: number | undefined;
  readonly open: () => Promise<Fetched>;
}

async function locate(ctx: Context): Promise<Place> {
  const account = await ctx.account('pop3');
  const key = { host: account.host, port: account.port, user: account.username ?? '' };
  const path = stateFileNames(ctx.settings.text('state-dir') ?? stateDirectory(ctx.io.env), key).journal;
  const open = async () => {
    const { Journal } = await import('../../store/journal.ts');
    const journal = await Journal.open(path, {
      account: `${key.user}@${key.host}:${key.port}`,
      readOnly: true,
    });
    if (journal.damaged > 0) {
      ctx.output.warn(`${path}: ${journal.damaged} lines could not be read; what they told of may look new`);
    }
    return new Fetched(ctx, journal);
  };
  return { path, octets: octetsOf(path), open };
}

function octetsOf(path: string): number | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })?.size;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
