import { promises as fs } from 'node:fs';
import { dirname } from 'node:path';
import { ConfigError, DataError, UsageError } from '../../errors.ts';
import { type Draft, type Mailbox, parseAddressList, type Source, wireAddress } from '../../mime/index.ts';
import type { Context } from '../context.ts';
import { attachmentsOf, stdinReaders } from './attachments.ts';
import { dateOf } from './date.ts';
import type { SendOptionValues } from './options.ts';
import { bodySource, spoolStdin } from './spool.ts';
import type { Thread } from './thread.ts';

/** What a reader copies who did not know how to give a body. */
const BODY_EXAMPLES =
  'one of these:\n' +
  '  echo "Backup finished" | mailtool send -t ops@example.org -s "backup ok"\n' +
  '  mailtool send -t ops@example.org -s "backup ok" -m "Backup finished"\n' +
  '  mailtool send -t ops@example.org -s "backup ok" --text-file report.txt';

/** The addresses of a repeatable flag. DataError names the flag. */
export function addresses(flag: string, lists: readonly string[] | undefined): Mailbox[] {
  return (lists ?? []).flatMap((list) => {
    try {
      return parseAddressList(list);
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      throw new DataError(`${flag}: ${error.message}`, {
        cause: error,
        stage: 'compose',
        hint: error.hint ?? 'write a@b, "Name" <a@b>, or several with commas between them',
      });
    }
  });
}

/** The one address of a flag or setting. */
export function address(place: string, text: string): Mailbox {
  const [one, ...more] = addresses(place, [text]);
  if (one === undefined || more.length > 0) {
    throw new DataError(
      `${place}: one address is wanted, there are ${more.length === 0 ? 'none' : more.length + 1}`,
      {
        stage: 'compose',
      },
    );
  }
  return one;
}

/** Who the message is from: `--from`, or a user name that is an address. */
export function sender(ctx: Context): Mailbox {
  const from = ctx.settings.text('from');
  if (from !== undefined) return address(ctx.settings.stated('from')?.place ?? '--from', from);
  const user = ctx.settings.text('smtp.user');
  if (user?.includes('@') === true) return address('the SMTP user name, taken as the sender', user);
  throw new ConfigError('nothing says who the message is from', {
    stage: 'config',
    hint: 'give --from ADDRESS, or set MAILTOOL_FROM',
  });
}

/** The reverse-path: `--envelope-from`, where `<>` is nobody; else the `author`. */
export function reversePath(ctx: Context, author: () => string): string {
  const text = ctx.settings.text('envelope-from');
  if (text === undefined) return author();
  return text.trim() === '<>' ? '' : wireAddress(address('--envelope-from', text).address);
}

/** Makes sure that standard input is wanted at most once, and that nothing contradicts `--raw`. */
export function checkOptions(options: SendOptionValues, passwordFromStdin: boolean): void {
  const { raw, resend, ...others } = options;
  pair(raw, '--raw', resend, '--resend');
  if (options.dryRun === true && options.confirm === true) {
    throw new UsageError('--confirm waits for a message that --dry-run does not send');
  }
  if (options.confirm !== true && (options.confirmTimeout ?? options.confirmDelete) !== undefined) {
    throw new UsageError('--confirm-timeout and --confirm-delete go with --confirm only');
  }
  pair(options.text, '--text', options.textFile, '--text-file');
  pair(options.html, '--html', options.htmlFile, '--html-file');
  pair(options.inReplyTo, '--in-reply-to', options.replyToMessage, '--reply-to-message');
  if (options.htmlImages !== undefined && (options.html ?? options.htmlFile ?? raw ?? resend) === undefined) {
    throw new UsageError('--html-images goes with --html or --html-file only', {
      hint: 'add one of them, or attach the images with -A',
    });
  }
  const finished = raw !== undefined ? '--raw' : resend !== undefined ? '--resend' : undefined;
  if (finished !== undefined) {
    for (const name of RAW_EXCLUDES) {
      if (others[name] === undefined || (resend !== undefined && OF_RESENDING.has(name))) continue;
      const flag = `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
      throw new UsageError(`${flag} cannot go with ${finished}, which sends the message as it is`, {
        hint: `change the file, or leave ${finished} out and let the message be composed`,
      });
    }
    if (options.encoding === '8bit' || options.encoding === 'binary') {
      throw new UsageError(
        `--encoding ${options.encoding} cannot go with ${finished}, which changes only what it has to`,
      );
    }
  }
  if (options.encoding === 'binary' && options.chunking !== true) {
    throw new UsageError('--encoding binary goes with --chunking only', { hint: 'add --chunking' });
  }
  const readers = stdinReaders(options, passwordFromStdin);
  if (readers.length > 1) {
    throw new UsageError(`standard input is wanted twice: by ${readers.join(' and by ')}`, {
      hint: 'put one of them into a file',
    });
  }
}

const RAW_EXCLUDES = [
  'subject',
  'text',
  'textFile',
  'html',
  'htmlFile',
  'htmlImages',
  'charset',
  'attach',
  'inline',
  'calendar',
  'forward',
  'sender',
  'replyTo',
  'inReplyTo',
  'replyToMessage',
  'header',
  'priority',
  'date',
  'messageId',
  'cc',
  'skipEmpty',
] as const satisfies readonly (keyof SendOptionValues)[];

/** What a resending has a field of its own for. */
const OF_RESENDING: ReadonlySet<string> = new Set(['cc', 'sender', 'date', 'messageId']);

function pair(one: unknown, flag: string, other: unknown, otherFlag: string): void {
  if (one !== undefined && other !== undefined) {
    throw new UsageError(`${flag} and ${otherFlag} say the same thing twice`, {
      hint: 'leave one of them out',
    });
  }
}

/** A body: text that was typed, or a measured source. */
type Body = string | Source;

/** The message as the flags have it, every source opened or measured; `undefined`: it is empty, and `-E` says to skip it. */
export async function draftOf(
  ctx: Context,
  options: SendOptionValues,
  people: Pick<Draft, 'from' | 'to' | 'cc' | 'bcc'>,
  thread: Thread = {},
): Promise<Draft | undefined> {
  const {
    subject = thread.subject,
    priority,
    date,
    messageId,
    inReplyTo = thread.inReplyTo,
    encoding,
    charset,
  } = options;
  const replyTo = addresses('--reply-to', options.replyTo);
  const headers = (options.header ?? []).map(header);
  const when = date === undefined ? undefined : dateOf('--date', date);
  const attachments = await attachmentsOf(ctx, options);
  const calendar =
    options.calendar === undefined ? undefined : await bodySource(ctx, options.calendar, 'the calendar');
  const attached = attachments.length > 0 || calendar !== undefined || thread.forwarded !== undefined;
  const { text, html } = await bodiesOf(ctx, options, attached);
  if (options.skipEmpty === true && (await isBlank(text)) && (await isBlank(html))) return undefined;
  refuseEmpty(options, text, html, attached);
  const htmlFolder = html === undefined ? undefined : await imageFolder(options);
  return {
    ...people,
    ...(calendar === undefined ? {} : { calendar }),
    ...(thread.forwarded === undefined ? {} : { forwarded: thread.forwarded }),
    ...(options.sender === undefined ? {} : { sender: address('--sender', options.sender) }),
    ...(thread.references === undefined ? {} : { references: thread.references }),
    ...(replyTo.length === 0 ? {} : { replyTo }),
    ...(subject === undefined ? {} : { subject }),
    ...(text === undefined ? {} : { text }),
    ...(html === undefined ? {} : { html }),
    ...(charset === undefined ? {} : { charset }),
    ...(htmlFolder === undefined ? {} : { htmlFolder }),
    ...(attachments.length === 0 ? {} : { attachments }),
    ...(headers.length === 0 ? {} : { headers }),
    ...(priority === undefined ? {} : { priority }),
    ...(when === undefined ? {} : { date: when }),
    ...(messageId === undefined ? {} : { messageId }),
    ...(inReplyTo === undefined ? {} : { inReplyTo }),
    ...(encoding === undefined ? {} : { encoding }),
  };
}

/** Where the HTML's images may be: beside its file, unless another folder is named. A pipe has nothing beside it. */
async function imageFolder({ htmlImages, htmlFile }: SendOptionValues): Promise<string | undefined> {
  if (htmlImages !== undefined) return htmlImages === 'none' ? undefined : htmlImages;
  if (htmlFile === undefined || htmlFile === '-') return undefined;
  const found = await fs.stat(htmlFile).catch(() => undefined);
  return found?.isFile() === true ? dirname(htmlFile) : undefined;
}

async function bodiesOf(
  ctx: Context,
  options: SendOptionValues,
  attached: boolean,
): Promise<{ text?: Body; html?: Body }> {
  const html =
    options.html ??
    (options.htmlFile === undefined ? undefined : await bodySource(ctx, options.htmlFile, 'the HTML'));
  const text =
    options.text ??
    (options.textFile === undefined ? undefined : await bodySource(ctx, options.textFile, 'the text'));
  if (html !== undefined || text !== undefined) {
    return { ...(text === undefined ? {} : { text }), ...(html === undefined ? {} : { html }) };
  }
  const stdinTaken = stdinReaders(options, ctx.settings.is('smtp.password-stdin')).length > 0;
  if (stdinTaken && attached) return { text: '' };
  if (stdinTaken || ctx.io.stdin.isTTY)
    throw new UsageError('the message has no body', { hint: BODY_EXAMPLES });
  return { text: await spoolStdin(ctx, 'the body') };
}

/** Larger bodies are not blank, and not read to find out. */
const BLANK_LIMIT = 4_096;

/** Whether there is nothing to read in it. */
async function isBlank(body: Body | undefined): Promise<boolean> {
  if (body === undefined || typeof body === 'string') return (body ?? '').trim() === '';
  if (body.size > BLANK_LIMIT) return false;
  for await (const chunk of body.open()) {
    if (Buffer.from(chunk).toString('latin1').trim() !== '') return false;
  }
  return true;
}

function isEmpty(body: Body | undefined): boolean {
  return body === undefined || (typeof body === 'string' ? body === '' : body.size === 0);
}

/** A body that is empty although nobody said so is what a producer leaves that has crashed. */
function refuseEmpty(
  options: SendOptionValues,
  text: Body | undefined,
  html: Body | undefined,
  attached: boolean,
): void {
  if (attached || options.text !== undefined || options.html !== undefined) return;
  if (!isEmpty(text) || !isEmpty(html)) return;
  throw new DataError('the body is empty', {
    stage: 'compose',
    hint: "what should have written it may have failed; -m '' sends an empty message, -E sends nothing",
  });
}

function header(text: string): { name: string; value: string } {
  const colon = text.indexOf(':');
  if (colon <= 0) {
    throw new UsageError(`--header ${JSON.stringify(text)}: there is no name before a colon`, {
      hint: "write it as 'Name: value'",
    });
  }
  return { name: text.slice(0, colon), value: text.slice(colon + 1).replace(/^ /, '') };
}
