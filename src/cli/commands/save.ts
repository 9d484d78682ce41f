import { InputError, UsageError } from '../../errors.ts';
import type { ReadMessage, ReadPart } from '../../mime/read/index.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import { defineFilters, FILTER_HELP, parseFilter } from '../filter.ts';
import {
  checkSource,
  eachMessage,
  FILE_HELP,
  goOn,
  type Message,
  type MessageOptions,
} from '../message-source.ts';
import { asMail } from '../output.ts';
import { readWhole, sha256 } from '../parts.ts';
import { selectionOf } from '../plan.ts';
import { octets } from '../progress.ts';
import { nameByType, safeName } from '../save/file-name.ts';
import { patternOf } from '../save/pattern.ts';
import { TargetFolder } from '../save/target-folder.ts';
import { SELECTION_HELP } from '../selection.ts';
import type { CommandDefinition } from './command.ts';

interface Options extends MessageOptions {
  readonly match?: readonly string[];
  readonly type?: readonly string[];
  readonly part?: string;
  readonly all?: true;
  readonly dir?: string;
  readonly stdout?: true;
  readonly reuse?: true;
}

/** One file, as the document tells of it. */
interface Saved {
  readonly number: number;
  readonly uid: string | null;
  readonly part: string;
  /** As the message calls it. */
  readonly filename: string | null;
  readonly path: string;
  readonly type: string;
  readonly size: number;
  readonly sha256: string;
}

/** A part with the name that it gets here. */
interface Named {
  readonly part: ReadPart;
  readonly name: string;
}

const collect = (value: string, earlier: readonly string[] = []) => [...earlier, value];

export const command: CommandDefinition<Options> = {
  connects: ['pop3'],
  document: { saved: [] },
  examples: [
    'mailtool save last -d ~/Downloads',
    "mailtool save --from billing@ --since 7d --match '*.pdf' -d invoices/ --json",
    'mailtool save last --part 2 --stdout | tar tz',
  ],
  notes: `A line for each file: its path. Attachments are what a message calls so, and what has a name; --all takes every part, the
texts too. A name from a message loses its path, and whatever could hide it or mean something else; nothing is overwritten: a
second report.pdf becomes report-2.pdf. PATTERN is *.pdf, a text that is found anywhere, or /.../, in any case.
Nothing to save is exit 0; where --match, --type or --part asked for something that no message has it is 66.
${SELECTION_HELP}${FILTER_HELP}${FILE_HELP}`,
  define: (program) =>
    defineFilters(
      program
        .argument('[selection...]', 'the messages')
        .option('--match <pattern>', 'only files with such a name (repeatable)', collect)
        .option('--type <pattern>', 'only files of such a type, such as image/* (repeatable)', collect)
        .option('--part <number>', 'only this part, as show numbers them')
        .option('--all', 'every part, not only attachments')
        .option('-d, --dir <directory>', 'save there, not here')
        .option('--stdout', 'write the one file that is meant to standard output')
        .option('--reuse', 'a file that is there already with the same name and content is not saved again')
        .option(
          '--file <path>',
          'read a file, an mbox or a Maildir (- for standard input) in place of the server',
        ),
    ),
  async run(ctx, words, options) {
    const wants = choiceOf(options);
    checkSource(options);
    if (options.stdout === true && (ctx.output.json || options.dir !== undefined))
      throw new UsageError(`--stdout and ${ctx.output.json ? '--json' : '--dir'} exclude each other`);
    if (options.file === undefined && options.new !== true) selectionOf(words, await parseFilter(options));
    const saved: Saved[] = [];
    ctx.output.document({ saved });
    let looked = 0;
    const single: Named[] = [];
    const folder = options.stdout === true ? undefined : await TargetFolder.open(options.dir ?? '.');
    try {
      const wanted = { words: words.length === 0 ? undefined : words, newest: false };
      const refusals = await eachMessage(ctx, options, wanted, async (message) => {
        looked++;
        const read = await readWhole(message);
        for (const warning of read.warnings) ctx.output.warn(`message ${message.number}: ${warning}`);
        for (const named of await wants(read)) {
          goOn(ctx);
          if (folder === undefined) single.push(named);
          else saved.push(await saveOne(ctx, folder, message, named, options.reuse === true));
          if (single.length > 1) throw notOne();
        }
      });
      for (const refusal of refusals.slice(1)) ctx.output.error(refusal.message);
      if (refusals[0] !== undefined) throw refusals[0];
    } finally {
      await folder?.close();
    }
    const [only] = single;
    if (only !== undefined) await pour(ctx, only.part);
    else if (saved.length === 0) return nothing(ctx, options, looked);
    const size = saved.reduce((sum, file) => sum + file.size, 0);
    if (saved.length > 0)
      ctx.output.success(
        `${saved.length === 1 ? '1 file' : `${saved.length} files`} saved (${octets(size)})`,
      );
    return EXIT.done;
  },
};

/** Which parts of a message are meant. */
function choiceOf({ match, type, part, all }: Options): (message: ReadMessage) => Promise<Named[]> {
  const names = match?.map((pattern) => patternOf('--match', pattern));
  const types = type?.map((pattern) => patternOf('--type', pattern));
  return async (message) => {
    const from =
      part !== undefined
        ? message.parts.filter((each) => each.part === part)
        : all === true
          ? message.parts
          : message.attachments;
    const chosen: Named[] = [];
    for (const each of from) {
      const isFile =
        each.disposition === 'attachment' || each.filename !== null || each.type === 'message/rfc822';
      if (!isFile && all !== true && part === undefined && types === undefined) continue;
      const name = await nameOf(each);
      if (names?.some((test) => test(name)) === false) continue;
      if (types?.some((test) => test(each.type)) === false) continue;
      chosen.push({ part: each, name });
    }
    return chosen;
  };
}

async function nameOf({ filename, part, type }: ReadPart): Promise<string> {
  const safe = filename === null ? '' : safeName(filename);
  if (safe !== '') return safe;
  const { default: mime } = await import('mime/lite');
  return nameByType(part, OWN_ENDINGS.get(type) ?? mime.getExtension(type));
}

const OWN_ENDINGS: ReadonlyMap<string, string> = new Map([
  ['message/rfc822', 'eml'],
  ['text/plain', 'txt'],
  ['application/octet-stream', 'bin'],
]);

async function saveOne(
  ctx: Context,
  folder: TargetFolder,
  { number, uid }: Message,
  { part, name }: Named,
  reuse: boolean,
): Promise<Saved> {
  const path = await folder.save(name, part.bytes, reuse);
  ctx.output.line(path);
  const { filename, type, size, bytes } = part;
  return asMail({
    number,
    uid: uid ?? null,
    part: part.part,
    filename,
    path,
    type,
    size,
    sha256: sha256(bytes),
  });
}

async function pour(ctx: Context, { type, bytes }: ReadPart): Promise<void> {
  if (ctx.output.stdoutIsTTY && !type.startsWith('text/'))
    throw new UsageError('the file is nothing for a terminal', {
      hint: 'lead the output into a file or a program',
    });
  await ctx.output.bytes(bytes);
}

function notOne(): UsageError {
  return new UsageError('several files, and one standard output', {
    hint: 'name the one you mean with --part or --match; or leave out --stdout',
  });
}

const LIST = 'mailtool show lists the parts of a message';

/** Fine where nothing in particular was asked for. */
function nothing(ctx: Context, { match, type, part, stdout }: Options, looked: number): number {
  const what = looked === 0 ? 'no message matches' : 'there is nothing to save';
  const isAsked = match !== undefined || type !== undefined || stdout === true;
  if (looked > 0 && part !== undefined && !isAsked)
    throw new InputError(`there is no part ${JSON.stringify(part.slice(0, 40))}`, { hint: LIST });
  if (looked > 0 && isAsked)
    throw new InputError('no attachment matches', {
      hint: 'mailtool show lists the attachments of a message',
    });
  ctx.output.success(what);
  return EXIT.done;
}
