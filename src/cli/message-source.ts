import { DataError, InputError, InterruptedError, type RejectedError, UsageError } from '../errors.ts';
import type { HeaderField } from '../mime/index.ts';
import type { FiledMessage, MailFiles } from '../store/index.ts';
import type { Context } from './context.ts';
import { type Filter, type FilterOptions, filterOf } from './filter.ts';
import { readMaildrop, totalSize } from './maildrop.ts';
import { needsUids, plan } from './plan.ts';
import { withPop3 } from './pop3-connection.ts';
import { octets } from './progress.ts';
import { parseSelection, type Row, type Selection, select } from './selection.ts';

/** A message to be read, whole. */
export interface Message extends Row {
  readonly bytes: Buffer;
}

export interface MessageOptions extends FilterOptions {
  /** A message, an mbox or a directory on the disk, `-` for standard input; absent: the server's maildrop. */
  readonly file?: string;
}

export interface Wanted {
  /** The words that name messages; undefined: those the command takes by itself. */
  readonly words: readonly string[] | undefined;
  /** Only the newest of those that the filters leave. */
  readonly newest: boolean;
  /** Told how many there are, before the first is read. */
  readonly chosen?: (count: number) => void;
}

/** For `--help`. */
export const FILE_HELP = `--file reads a message (.eml), an mbox, a Maildir, or a directory of .eml files, and - standard input; no server is asked.
In an mbox and a directory messages are numbered from 1, oldest first.
`;

/** What is larger is not read into memory. */
export const MESSAGE_LIMIT = 256 * 1024 * 1024;
/** A header is not longer, where only that is looked at. */
const HEADER_LIMIT = 1024 * 1024;

/** `UsageError` for options that cannot go together: before anything is made. */
export function checkSource({ new: isNew, file }: MessageOptions): void {
  if (isNew === true && file !== undefined)
    throw new UsageError('--new and --file exclude each other: only of a maildrop is known what was fetched');
}

/**
 * Gives `take` each message that is wanted, one after the other, from the server or from `--file`. Resolves with the refusals
 * of a server; the other messages are taken all the same.
 */
export async function eachMessage(
  ctx: Context,
  options: MessageOptions,
  wanted: Wanted,
  take: (message: Message) => Promise<void>,
): Promise<readonly RejectedError[]> {
  checkSource(options);
  const filter = await filterOf(ctx, options);
  const newest = wanted.newest && filter !== undefined;
  const selection = parseSelection(wanted.words ?? [wanted.newest && filter === undefined ? 'last' : 'all']);
  if (options.file !== undefined) {
    await using files = await openFiles(ctx, options.file);
    await fromFiles(ctx, files, selection, filter, newest, wanted, take);
    return [];
  }
  return withPop3(ctx, async (pop3) => {
    const drop = await readMaildrop(pop3, needsUids(selection, filter) ? 'needed' : 'wanted');
    const limited = newest ? { newestFirst: true, limit: 1 } : {};
    const { rows } = await plan(ctx, pop3, selection, filter, drop.rows, limited);
    wanted.chosen?.(rows.length);
    const byNumber = new Map(rows.map((row) => [row.number, row]));
    const refusals: RejectedError[] = [];
    const progress = ctx.progress({ label: 'retrieving', total: totalSize(rows) });
    let done = 0;
    try {
      for await (const { number, bytes, error } of pop3.retrs(byNumber.keys())) {
        const row = byNumber.get(number);
        if (row === undefined) continue;
        if (error !== undefined) {
          refusals.push(error);
          continue;
        }
        const kept: Buffer[] = [];
        let size = 0;
        for await (const chunk of bytes) {
          size += chunk.length;
          if (size > MESSAGE_LIMIT) throw tooLarge(number);
          kept.push(Buffer.from(chunk)); // a copy: the chunk is only lent
          progress.update(done + size);
        }
        done += size;
        await take({ ...row, size, bytes: Buffer.concat(kept) });
      }
    } finally {
      progress.finish();
    }
    return refusals;
  });
}

async function openFiles(ctx: Context, path: string): Promise<MailFiles> {
  const { openMailFiles, openStream } = await import('../store/mail-files.ts');
  if (path !== '-') return openMailFiles(path);
  if (ctx.io.stdin.isTTY) ctx.output.note('reading a message from standard input');
  return openStream('standard input', ctx.io.stdin.read(ctx.signal));
}

async function fromFiles(
  ctx: Context,
  { messages }: MailFiles,
  selection: Selection,
  filter: Filter | undefined,
  newest: boolean,
  { chosen }: Wanted,
  take: (message: Message) => Promise<void>,
): Promise<void> {
  const byNumber = new Map(messages.map((message) => [message.number, message]));
  const named = select(selection, messages);
  const rows: FiledMessage[] = [];
  for (const { number } of newest ? named.toReversed() : named) {
    const message = byNumber.get(number);
    if (message !== undefined && (await meets(message, filter))) rows.push(message);
    if (newest && rows.length > 0) break;
    goOn(ctx);
  }
  chosen?.(rows.length);
  for (const { number, uid, size, read } of rows) {
    goOn(ctx);
    if (size > MESSAGE_LIMIT) throw tooLarge(number);
    const bytes = await read(size);
    await take({ number, uid, size: bytes.length, bytes });
  }
}

/** `InterruptedError` once a signal has come: what was taken by then stays. */
export function goOn({ signal }: Context): void {
  if (signal.aborted) throw new InterruptedError('interrupted', { cause: signal.reason });
}

async function meets(message: FiledMessage, filter: Filter | undefined): Promise<boolean> {
  if (filter === undefined) return true;
  if (!filter.size(message)) return false;
  if (filter.header === undefined) return true;
  const { parseHeader } = await import('../mime/index.ts');
  const fields: HeaderField[] = parseHeader(await message.read(HEADER_LIMIT));
  return filter.header(fields);
}

function tooLarge(number: number): DataError {
  return new DataError(`message ${number} is larger than ${octets(MESSAGE_LIMIT)}`, {
    hint: 'keep it as it is: mailtool retr -o FILE',
  });
}

/** For a command that needs a message and found none. */
export function noMatch(): InputError {
  return new InputError('no message matches', {
    hint: 'mailtool list with the same filters shows what does',
  });
}
