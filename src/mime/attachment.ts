import { promises as fs } from 'node:fs'; // its promises load only when a file is opened
import { basename } from 'node:path';
import { BASE64_STEP, base64Lines, base64LinesSize } from '../codec/base64.ts';
import { DataError, InputError } from '../errors.ts';
import { checkText, field } from './header.ts';
import { parameter, plainFallback, withParameters } from './parameter.ts';
import type { Part } from './part.ts';
import { bytesSource, exactly, type Source } from './source.ts';

/** A file to go with a message. */
export interface Attachment extends Source {
  /** As the reader will see it, without folders. */
  readonly filename: string;
  /** `type/subtype`; by the file name's ending when absent. */
  readonly type?: string;
  /** What HTML calls it by, as `cid:...`; without angle brackets. */
  readonly contentId?: string;
  /** Shown within the HTML, not listed beside it. */
  readonly inline?: boolean;
}

/** What may be said of an attachment beyond its bytes. */
export interface AttachmentOptions {
  readonly filename?: string;
  readonly type?: string;
  readonly contentId?: string;
}

/** About 1 MB, in whole steps of the encoder: it has nothing to put aside. */
const READ_OCTETS = 18 * BASE64_STEP;

/**
 * A file as an attachment: opened and measured now, so that one that is missing or cannot be read ends the run before
 * anything is sent (`InputError`), and read only when its turn comes.
 */
export async function fileAttachment(path: string, options: AttachmentOptions = {}): Promise<Attachment> {
  const size = await measured(path);
  return { filename: basename(path), ...options, size, open: () => fileBytes(path) };
}

/** Bytes in memory as an attachment. */
export function bytesAttachment(
  filename: string,
  bytes: Uint8Array,
  options: AttachmentOptions = {},
): Attachment {
  return { filename, ...options, ...bytesSource(bytes) };
}

async function measured(path: string): Promise<number> {
  try {
    // Not opened before it is known to be a file: opening a named pipe waits for somebody to write to it.
    const found = await fs.stat(path);
    if (!found.isFile()) {
      const what = found.isDirectory() ? 'a folder' : 'not a file';
      throw new InputError(`cannot attach ${path}: it is ${what}`, NOT_A_FILE);
    }
    const file = await fs.open(path, 'r');
    try {
      return (await file.stat()).size;
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw cause instanceof InputError ? cause : unreadable(path, cause);
  }
}

const NOT_A_FILE = {
  stage: 'compose',
  hint: 'pack it into an archive first; for a stream use -A -;name=NAME',
} as const;

function unreadable(path: string, cause: unknown): InputError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const why =
    code === 'ENOENT'
      ? 'there is no such file'
      : code === 'EACCES'
        ? 'permission denied'
        : cause instanceof Error
          ? cause.message
          : String(cause);
  return new InputError(`cannot read ${path}: ${why}`, { stage: 'compose', cause });
}

/** A chunk is only good until the next is asked for: two buffers serve the whole file, one is read into meanwhile. */
async function* fileBytes(path: string): AsyncGenerator<Uint8Array> {
  const failed = (cause: unknown) => {
    throw unreadable(path, cause);
  };
  const file = await fs.open(path, 'r').catch(failed);
  let coming: Promise<unknown> | undefined;
  try {
    const { size } = await file.stat();
    const length = Math.min(READ_OCTETS, size + 1);
    let [buffer, other] = [
      Buffer.allocUnsafe(length),
      Buffer.allocUnsafe(Math.min(length, size < length ? 65_536 : length)),
    ];
    let reading = file.read(buffer, 0, buffer.length);
    for (;;) {
      const { bytesRead } = await reading.catch(failed);
      if (bytesRead === 0) return;
      reading = file.read(other, 0, other.length);
      coming = reading.catch(() => {}); // told when its turn comes
      yield buffer.subarray(0, bytesRead);
      [buffer, other] = [other, buffer];
    }
  } finally {
    await coming;
    await file.close();
  }
}

/** An attachment as a part, in base64; within what allows it, its octets. */
export async function attachmentPart(attachment: Attachment): Promise<Part> {
  const { filename, contentId, inline, size } = attachment;
  checkText('the name of an attachment', filename);
  const name = filename.split(/[/\\]/).pop() ?? '';
  const [type = '', ...parameters] = await typeOf(attachment);
  const contentType = field(
    'Content-Type',
    withParameters(
      type,
      parameters,
      name === '' || parameters.some((text) => /^name\*?[*\d]*=/i.test(text))
        ? []
        : parameter('name', plainFallback(name)),
    ),
  );
  const disposition = inline === true ? 'inline' : 'attachment';
  let rest = field(
    'Content-Disposition',
    withParameters(disposition, name === '' ? [] : parameter('filename', name)),
  );
  if (contentId !== undefined) rest += field('Content-ID', [`<${checkContentId(contentId)}>`]);
  const header = (encoding: string) => contentType + field('Content-Transfer-Encoding', [encoding]) + rest;
  if (!Number.isSafeInteger(size) || size < 0) {
    throw new DataError(`the size of ${name || 'an attachment'} is not known`, { stage: 'compose' });
  }
  const octets = () => exactly(attachment, name || 'the attachment');
  const part: Part = {
    header: header('base64'),
    bodySize: base64LinesSize(size),
    body: () => base64Lines(octets()),
  };
  const binary: Part = { header: header('binary'), bodySize: size, body: octets, needs: 'binary' };
  return { ...part, within: (allowed) => (allowed.binary ? binary : part) };
}

/** The media type of a file by its name's ending; `application/octet-stream` where it says nothing. */
export async function typeByName(filename: string): Promise<string> {
  const { default: mime } = await import('mime');
  const known = mime.getType(filename);
  // Messages within messages may not be encoded (RFC 2046 5.2.1), so a file of one goes as bytes.
  return known === null || /^(?:message|multipart)\//.test(known) ? 'application/octet-stream' : known;
}

/** RFC 2045 5.1: a token, or what is in quotes. */
const PARAMETER = /; *([!#$%&'*+.^`{|}~\w-]{1,100}=(?:[!#$%&'*+.^`{|}~\w-]+|"(?:[ !#-[\]-~]|\\[ -~])*"))/g;

/** The media type, and its parameters. */
async function typeOf({ filename, type }: Attachment): Promise<string[]> {
  if (type === undefined) return [await typeByName(filename)];
  const semicolon = type.includes(';') ? type.indexOf(';') : type.length;
  const bare = type.slice(0, semicolon);
  const rest = type.slice(semicolon);
  if (!/^[!#$&^\w.+-]{1,127}\/[!#$&^\w.+-]{1,127}$/.test(bare) || rest.replaceAll(PARAMETER, '') !== '') {
    throw new DataError(`not a media type: ${JSON.stringify(type.slice(0, 80))}`, {
      stage: 'compose',
      hint: 'it looks like application/pdf, or text/plain; charset=gb2312',
    });
  }
  if (/^(?:message|multipart)\//i.test(type)) {
    throw new DataError(`an attachment cannot have the type ${type}, which may not be encoded`, {
      stage: 'compose',
      hint: 'leave the type out to send it as plain bytes, or pass a message on with --forward',
    });
  }
  return [bare, ...Array.from(rest.matchAll(PARAMETER), ([, parameter = '']) => parameter)];
}

function checkContentId(id: string): string {
  const inner = id.replace(/^<(.*)>$/s, '$1');
  if (/^[!-;=?-~]{1,200}$/.test(inner)) return inner;
  throw new DataError(`not a content id: ${JSON.stringify(id.slice(0, 80))}`, {
    stage: 'compose',
    hint: 'use letters, digits, dots and dashes: cid=logo',
  });
}
