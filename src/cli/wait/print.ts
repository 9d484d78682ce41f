import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { DataError } from '../../errors.ts';
import { fieldValue, readText } from '../../mime/index.ts';
import { AS_IT_IS } from '../../store/mbox-entry.ts';
import type { Context } from '../context.ts';
import { messageJson } from '../message-json.ts';
import { toJson } from '../output.ts';
import { kindOf } from '../output-file.ts';
import { DirectorySink, FileSink } from '../retr/sinks.ts';
import { toTerminalLine } from '../terminal.ts';
import { looksLikeCommand } from '../workflow-commands.ts';
import type { Match, Whole } from './judge.ts';
import type { Print } from './options.ts';

/** What is to be printed of a message, without a line end at its end; but for `text` it is one line without controls. */
export function printed(match: Match, print: Exclude<Print, 'raw'>): string {
  switch (print) {
    case 'text':
      return (match.whole?.message.text ?? '').replace(/\n+$/, '');
    case 'subject':
      return oneLine(match.whole?.message.subject ?? readText(fieldValue(match.fields, 'subject') ?? ''));
    case 'uid':
      return oneLine(match.uid);
    case 'link':
      return match.link?.value ?? '';
    case 'code':
      return oneLine(match.code?.value ?? '');
    case 'json':
      return toJson(documentOf(match));
  }
}

/** The message as the document of `wait` has it. */
export function documentOf({ number, uid, whole }: Match): Record<string, unknown> {
  if (whole === undefined) throw new TypeError('the message was not retrieved');
  return messageJson({ number, uid, size: whole.size }, whole.message);
}

/** Prints what is asked for of one message, so that neither a terminal nor a runner of GitHub Actions obeys it. */
export async function printMatch(ctx: Context, match: Match, print: Print): Promise<void> {
  const { output } = ctx;
  const bytes = print === 'raw' ? wholeOf(match).bytes : Buffer.from(`${printed(match, print)}\n`, 'utf8');
  const risky = print === 'text' || print === 'raw' || looksLikeCommand(bytes.toString('utf8'));
  if (risky) await output.mail(() => output.bytes(bytes));
  else await output.bytes(bytes);
}

/** Keeps the message in `place`, a file or a directory, octet for octet; it appears there whole or not at all. */
export async function saveMatch(match: Match, place: string, force: boolean): Promise<string | null> {
  const { bytes, size } = wholeOf(match);
  const isDirectory = place.endsWith('/') || (await kindOf(place)) === 'directory';
  const asItIs = () => AS_IT_IS;
  const digest = () => createHash('sha256').update(bytes).digest('hex');
  const sink = await (isDirectory
    ? DirectorySink.create(place, force, asItIs, digest)
    : FileSink.create(place, force, asItIs));
  try {
    const { path } = await sink.take({ ...match, size }, Readable.from([bytes]));
    await sink.finish();
    return path;
  } catch (error) {
    await sink.abandon();
    throw error;
  }
}

/** A message that was not kept whole is never given as one. */
function wholeOf({ whole }: Match): Whole {
  if (whole === undefined) throw new TypeError('the message was not retrieved');
  if (whole.bytes.length === whole.size) return whole;
  throw new DataError('the message is too large to be kept in memory', {
    hint: 'mailtool retr uid:... -o FILE writes messages of any size',
  });
}

function oneLine(text: string): string {
  return toTerminalLine(text.replace(/[\s\u0085]+/g, ' ').trim());
}
