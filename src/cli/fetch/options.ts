import type { Command } from 'commander';
import { Option } from 'commander';
import { UsageError } from '../../errors.ts';
import { durationOption } from '../context.ts';
import { sizeOption } from '../size.ts';

/** The flags of `fetch`, as commander hands them over. */
export interface FetchOptionValues {
  readonly maildir?: string;
  readonly mbox?: string;
  readonly dir?: string;
  /** Words, where the configuration has them: then no shell is asked. */
  readonly exec?: string | readonly string[];
  readonly all?: true;
  readonly new?: true;
  readonly delete?: true;
  readonly deleteAfter?: string;
  readonly keep?: true;
  readonly keepNewest?: string;
  readonly maxSize?: string;
  readonly limit?: string;
  readonly retryFailed?: true;
  readonly onUidReset?: 'stop' | 'warn' | 'refetch';
  readonly check?: true;
  readonly dryRun?: true;
  readonly allAccounts?: true;
  readonly jobs?: string;
}

/** Where mail goes. */
export type Destination =
  | { readonly kind: 'maildir' | 'mbox' | 'dir'; readonly target: string }
  /** A command, for the shell or in words. */
  | { readonly kind: 'exec'; readonly target: string | readonly string[] };

/** What is to be fetched, and what becomes of it on the server. */
export interface Policy {
  /** Also what was fetched before. */
  readonly all: boolean;
  /** Also what failed too often. */
  readonly retryFailed: boolean;
  readonly maxSize: number;
  readonly limit: number;
  /** Delete what was seen here first so many milliseconds ago, and is stored; absent: nothing. 0: at once. */
  readonly deleteAfterMs: number | undefined;
  /** So many of the newest stay, whatever else is deleted. */
  readonly keepNewest: number;
}

/** Adds the options of `fetch`. */
export function defineFetch(command: Command): Command {
  return command
    .option('--maildir <dir>', 'into a Maildir, which is made where it is missing')
    .option('--mbox <file>', 'to the end of an mbox (mboxrd, LF lines)')
    .option('--dir <dir>', 'as .eml files of a directory, octet for octet')
    .option(
      '--exec <command>',
      'to a shell command, once for each message; exit code 0 takes it, 75 means later',
    )
    .option('--all', 'also what was fetched before')
    .option('--new', 'only what was not fetched before, as without it')
    .option('--delete', 'delete from the server what is safely stored')
    .option('--delete-after <duration>', 'delete what is stored and was first seen so long ago: 7d')
    .option('--keep', 'delete nothing, whatever the configuration file says')
    .option('--keep-newest <number>', 'never delete the newest so many')
    .option('--max-size <size>', 'leave larger messages where they are: 500k, 10M')
    .option('--limit <number>', 'no more than so many, the oldest first')
    .option('--retry-failed', 'try those again that failed too often')
    .addOption(
      new Option('--on-uid-reset <what>', 'when the server has given all messages new unique-ids').choices([
        'stop',
        'warn',
        'refetch',
      ]),
    )
    .option('--check', 'fetch nothing: exit 0 when something new waits, 1 when not')
    .option('-n, --dry-run', 'say what would be fetched and deleted, and do neither')
    .option('--all-accounts', 'for every account of the configuration file that has a POP3 server')
    .option('--jobs <number>', 'so many accounts at once, two of them at one server (4)');
}

/** The one place that is named. UsageError for none or several. */
export function destinationOf(options: FetchOptionValues): Destination | undefined {
  const named: Destination[] = (['maildir', 'mbox', 'dir'] as const).flatMap((kind) => {
    const target = options[kind];
    return target === undefined ? [] : [{ kind, target }];
  });
  if (options.exec !== undefined) named.push({ kind: 'exec', target: options.exec });
  if (named.length > 1) throw new UsageError('mail goes to one place: --maildir, --mbox, --dir or --exec');
  const [destination] = named;
  const { target } = destination ?? {};
  if (destination !== undefined && typeof target === 'string' && target.trim() === '')
    throw new UsageError(`--${destination.kind} is empty`);
  if (destination === undefined && options.check !== true) {
    throw new UsageError('nothing says where the mail goes', {
      hint: 'give --maildir DIR, --mbox FILE, --dir DIR or --exec COMMAND',
    });
  }
  return destination;
}

export async function policyOf(options: FetchOptionValues): Promise<Policy> {
  if (options.all === true && options.new === true)
    throw new UsageError('--all and --new exclude each other');
  if (options.delete === true && options.deleteAfter !== undefined)
    throw new UsageError('--delete and --delete-after cannot go together');
  if (options.keep === true && (options.delete === true || options.deleteAfter !== undefined))
    throw new UsageError('--keep and --delete cannot go together');
  const deleteAfterMs =
    options.delete === true
      ? 0
      : options.deleteAfter === undefined
        ? undefined
        : await deleteAfterOption('--delete-after', options.deleteAfter);
  if (options.keepNewest !== undefined && deleteAfterMs === undefined)
    throw new UsageError('--keep-newest needs --delete or --delete-after');
  return {
    all: options.all === true,
    retryFailed: options.retryFailed === true,
    maxSize:
      options.maxSize === undefined ? Number.POSITIVE_INFINITY : sizeOption('--max-size', options.maxSize),
    limit: options.limit === undefined ? Number.POSITIVE_INFINITY : countOption('--limit', options.limit),
    deleteAfterMs,
    keepNewest: options.keepNewest === undefined ? 0 : countOption('--keep-newest', options.keepNewest),
  };
}

/** In milliseconds. UsageError also for a number alone: elsewhere that is seconds, and here days may be meant. */
export async function deleteAfterOption(flag: string, text: string): Promise<number> {
  if (/^[0-9]{1,9}$/.test(text))
    throw new UsageError(`${flag}: "${text}" has no unit: write ${text}d for days, or ${text}h for hours`);
  return durationOption(flag, text, 10 * 365 * 86_400_000);
}

/** A number of things. UsageError where `text` is none. */
export function countOption(flag: string, text: string): number {
  if (/^[0-9]{1,9}$/.test(text)) return Number(text);
  throw new UsageError(`${flag}: ${JSON.stringify(text.slice(0, 40))} is not a number`);
}
