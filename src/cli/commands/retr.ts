import { createHash, type Hash } from 'node:crypto';
import { type RejectedError, UsageError } from '../../errors.ts';
import type { Pop3Client } from '../../pop3/index.ts';
import { AS_IT_IS, LfLines, MboxEntry } from '../../store/mbox-entry.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import { defineFilters, FILTER_HELP, type FilterOptions, filterOf } from '../filter.ts';
import { readMaildrop, totalSize } from '../maildrop.ts';
import { kindOf } from '../output-file.ts';
import { needsUids, type Plan, plan, selectionOf } from '../plan.ts';
import { checkMayDelete, withPop3 } from '../pop3-connection.ts';
import { octets, type Progress } from '../progress.ts';
import { DirectorySink, DocumentSink, FileSink, type Sink, StdoutSink } from '../retr/sinks.ts';
import { type Row, SELECTION_HELP } from '../selection.ts';
import { targetLine, targetsOf } from '../target.ts';
import type { CommandDefinition } from './command.ts';

interface Options extends FilterOptions {
  readonly dryRun?: true;
  readonly output?: string;
  readonly mbox?: true;
  readonly lf?: true;
  readonly delete?: true;
  readonly force?: true;
}

/** One message, as the document tells of it. */
interface Retrieved {
  readonly number: number;
  readonly uid: string | null;
  /** Octets and SHA-256 of the message as the server sent it, whatever was made of it here. */
  readonly size: number;
  readonly sha256: string | null;
  readonly path: string | null;
  readonly raw?: { readonly base64: string };
}

interface Destination {
  readonly kind: 'stdout' | 'document' | 'file' | 'directory';
  readonly path: string;
}

export const command: CommandDefinition<Options> = {
  connects: ['pop3'],
  document: { messages: [] },
  examples: [
    'mailtool retr last -o last.eml',
    'mailtool retr all -o mail/ --delete',
    'mailtool retr uid:UID123 | grep -i ^subject',
  ],
  notes: `Without -o the octets go to standard output, exactly as the server has them; a terminal gets their control
characters made visible. A file appears only when it is whole, and takes no other's place without --force.
${SELECTION_HELP}${FILTER_HELP}`,
  define: (program) =>
    defineFilters(
      program
        .argument('[selection...]', 'the messages')
        .option('-n, --dry-run', 'say what would be retrieved, and retrieve nothing')
        .option('-o, --output <path>', 'a file, or a directory (DIR/) with a file for each message')
        .option('--mbox', 'as an mbox (mboxrd, LF lines)')
        .option('--lf', 'with LF line ends in place of CRLF')
        .option('--delete', 'delete what is safely in its file (needs -o)')
        .option('--force', 'overwrite files'),
    ),
  async run(ctx, words, options) {
    const dryRun = options.dryRun === true;
    if (options.delete === true && !dryRun) checkMayDelete(ctx);
    const filter = await filterOf(ctx, options);
    const selection = selectionOf(words, filter);
    const destination = await destinationOf(ctx, options);
    const messages: Retrieved[] = [];
    ctx.output.document({ messages, ...(options.delete === true ? { committed: false, deleted: [] } : {}) });
    const refusals: RejectedError[] = [];
    let nothing = false;
    await withPop3(ctx, async (pop3) => {
      const wanted = ctx.output.json || options.delete === true || dryRun || filter !== undefined;
      const drop = await readMaildrop(
        pop3,
        needsUids(selection, filter) ? 'needed' : wanted ? 'wanted' : 'no',
      );
      const chosen = await plan(ctx, pop3, selection, filter, drop.rows);
      const { rows } = chosen;
      if (dryRun) return await tell(ctx, pop3, chosen, messages);
      nothing = rows.length === 0 && filter !== undefined;
      if (nothing) return;
      if (
        rows.length > 1 &&
        options.mbox !== true &&
        (destination.kind === 'stdout' || destination.kind === 'file')
      ) {
        throw new UsageError(`${rows.length} messages, and one place for them`, {
          hint: 'give a directory (-o DIR/), or make one mbox of them (--mbox)',
        });
      }
      refusals.push(...(await retrieve(ctx, pop3, rows, destination, options, messages)));
      if (options.delete === true) refusals.push(...(await remove(ctx, pop3, messages)));
    });
    if (nothing) ctx.output.success('no message matches');
    if (dryRun || nothing) return EXIT.done;
    if (options.delete === true) ctx.output.document({ committed: true });
    const size = messages.reduce((sum, message) => sum + message.size, 0);
    if (destination.kind === 'file' || destination.kind === 'directory') {
      const what = messages.length === 1 ? '1 message' : `${messages.length} messages`;
      const deleted = options.delete === true ? ', deleted from the server' : '';
      ctx.output.success(
        `${what} (${octets(size)}) in ${destination.path}${refusals.length === 0 ? deleted : ''}`,
      );
    }
    const [first] = refusals;
    if (first === undefined) return EXIT.done;
    for (const refusal of refusals.slice(1)) ctx.output.error(refusal.message);
    throw first;
  },
};

/** The plan, in place of its execution. */
async function tell(ctx: Context, pop3: Pop3Client, chosen: Plan, messages: Retrieved[]): Promise<void> {
  ctx.output.document({ dryRun: true });
  for (const target of await targetsOf(ctx, pop3, chosen)) {
    const { number, uid, size } = target;
    messages.push({ number, uid, size, sha256: null, path: null });
    ctx.output.line(`would retrieve ${targetLine(target)}`);
  }
}

async function destinationOf(
  ctx: Context,
  { output: path, delete: deletes, mbox }: Options,
): Promise<Destination> {
  if (path === undefined || path === '-') {
    if (deletes === true) {
      throw new UsageError('--delete needs a file to know that the message is safe', {
        hint: 'add -o FILE or -o DIR/; or delete afterwards, with mailtool dele uid:...',
      });
    }
    if (!ctx.output.json) return { kind: 'stdout', path: '-' };
    if (path === '-') throw new UsageError('standard output cannot hold both a message and a JSON document');
    return { kind: 'document', path: '-' };
  }
  const directory = path.endsWith('/') || (await kindOf(path)) === 'directory';
  if (directory && mbox === true) throw new UsageError('an mbox is one file: -o FILE');
  return { kind: directory ? 'directory' : 'file', path };
}

/** Gets `rows` into their place. A refused one in a directory does not hold up the others: the refusals are the result. */
async function retrieve(
  ctx: Context,
  pop3: Pop3Client,
  rows: readonly Row[],
  destination: Destination,
  options: Options,
  messages: Retrieved[],
): Promise<RejectedError[]> {
  const digests = new Map<number, string>();
  const hashing = ctx.output.json || destination.kind === 'directory';
  const sink = await sinkOf(ctx, destination, options, (number) => digests.get(number) ?? '');
  const refusals: RejectedError[] = [];
  const byNumber = new Map(rows.map((row) => [row.number, row]));
  const progress = progressFor(ctx, rows, destination);
  const meter = new Meter(progress);
  try {
    for await (const { number, bytes, error } of pop3.retrs(byNumber.keys())) {
      const row = byNumber.get(number);
      if (row === undefined) continue;
      if (error !== undefined) {
        if (destination.kind !== 'directory') throw error;
        refusals.push(error);
        continue;
      }
      const hash = hashing ? createHash('sha256') : undefined;
      const before = meter.octets;
      const taken = await sink.take(
        row,
        meter.watch(bytes, hash, (digest) => digests.set(number, digest)),
      );
      const sha256 = digests.get(number) ?? null;
      messages.push({ number, uid: row.uid ?? null, size: meter.octets - before, sha256, ...taken });
    }
    await sink.finish();
  } catch (error) {
    await sink.abandon();
    throw error;
  } finally {
    progress.finish();
  }
  return refusals;
}

async function sinkOf(
  ctx: Context,
  { kind, path }: Destination,
  { mbox, lf, force: forced }: Options,
  digestOf: (number: number) => string,
): Promise<Sink> {
  const now = new Date();
  const force = forced === true;
  const transform = () => (mbox === true ? new MboxEntry(now) : lf === true ? new LfLines() : AS_IT_IS);
  if (kind === 'stdout') return new StdoutSink(ctx.output, transform);
  if (kind === 'document') return new DocumentSink(transform);
  if (kind === 'file') return FileSink.create(path, force, transform);
  return DirectorySink.create(path, force, transform, digestOf);
}

function progressFor(ctx: Context, rows: readonly Row[], { kind }: Destination): Progress {
  // What comes to the terminal anyway is progress enough, and a bar in the midst of it is none.
  if (kind === 'stdout' && ctx.output.stdoutIsTTY)
    return { update: () => undefined, finish: () => undefined };
  return ctx.progress({ label: 'retrieving', total: totalSize(rows) });
}

/** Counts, hashes and shows what passes. */
class Meter {
  octets = 0;
  readonly #progress: Progress;

  constructor(progress: Progress) {
    this.#progress = progress;
  }

  async *watch(
    bytes: AsyncIterable<Uint8Array>,
    hash: Hash | undefined,
    whole: (digest: string) => void,
  ): AsyncGenerator<Uint8Array, void, void> {
    for await (const chunk of bytes) {
      this.octets += chunk.length;
      hash?.update(chunk);
      this.#progress.update(this.octets);
      yield chunk;
    }
    if (hash !== undefined) whole(hash.digest('hex'));
  }
}

/** Only what is in its place for good comes here; QUIT, which follows, makes it true. */
async function remove(
  ctx: Context,
  pop3: Pop3Client,
  messages: readonly Retrieved[],
): Promise<RejectedError[]> {
  const refused = await pop3.deles(messages.map(({ number }) => number));
  // From here on only the server knows, until it has answered QUIT.
  ctx.output.document({
    committed: null,
    deleted: messages.filter(({ number }) => !refused.has(number)).map(({ number }) => number),
  });
  return [...refused.values()];
}
