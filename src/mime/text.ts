import { base64Lines, base64LinesSize, encodeBase64Lines } from '../codec/base64.ts';
import { encodeQuotedPrintable } from '../codec/quoted-printable.ts';
import { DataError } from '../errors.ts';
import { decodeUnlabelled } from './charset.ts';
import { field } from './header.ts';
import { withParameters } from './parameter.ts';
import type { Part } from './part.ts';
import { canonical, exactly, readAll, type Source } from './source.ts';

/** Larger texts are not looked at as a whole, but go out in base64 as they come. */
const IN_MEMORY = 4 * 1024 * 1024;
/** A longer line would have to be cut by somebody (RFC 5321 4.5.3.1.6). */
const LONGEST_LINE = 998;

/**
 * A text part in UTF-8, or in the charset `wanted`: 7bit where that is possible, quoted-printable where most of it stays
 * readable, base64 otherwise; within what allows it, 8bit in place of these two.
 */
export async function textPart(
  text: string | Source,
  subtype: 'plain' | 'html' | 'calendar',
  wanted?: string,
  parameters: readonly string[] = [],
): Promise<Part> {
  const name = wanted === undefined ? undefined : (await import('./encode-charset.ts')).charsetNamed(wanted);
  if (name !== undefined) {
    const lines = await encodedLines(text, name);
    return linesPart(lines, { ...choose(lines), charset: name }, subtype);
  }
  if (typeof text !== 'string' && text.size > IN_MEMORY) return largeText(text, subtype);
  const bytes = typeof text === 'string' ? Buffer.from(text, 'utf8') : await readAll(text, 'the text');
  const lines = await joined(canonical(once(withoutMark(bytes))));
  return linesPart(lines, choose(lines), subtype, parameters);
}

/** The text in a charset of its own, whose characters it has to be made of. */
async function encodedLines(text: string | Source, charset: string): Promise<Buffer> {
  if (typeof text !== 'string' && text.size > IN_MEMORY) {
    throw new DataError(`the text is too large for the charset ${charset}`, {
      stage: 'compose',
      hint: `it may have ${IN_MEMORY} octets; attach it as a file, or send it as utf-8`,
    });
  }
  const { encodeCharset } = await import('./encode-charset.ts');
  const characters = typeof text === 'string' ? text : await readText(text, IN_MEMORY);
  return joined(canonical(once(encodeCharset(characters, charset))));
}

function linesPart(
  lines: Buffer,
  { encoding, charset, fits }: Choice,
  subtype: string,
  parameters: readonly string[] = [],
): Part {
  const encoded =
    encoding === '7bit'
      ? lines
      : encoding === 'base64'
        ? encodeBase64Lines(lines)
        : encodeQuotedPrintable(lines);
  const part = bytesPart(textHeader(subtype, charset, encoding, parameters), encoded);
  if (encoding === '7bit' || !fits) return part;
  return {
    ...part,
    within({ eightBit }) {
      if (eightBit === 'none' || (eightBit === 'dense' && encoding !== 'base64')) return part;
      return { ...bytesPart(textHeader(subtype, charset, '8bit', parameters), lines), needs: '8bit' };
    },
  };
}

function bytesPart(header: string, bytes: Uint8Array): Part {
  return {
    header,
    bodySize: bytes.length,
    async *body() {
      if (bytes.length > 0) yield bytes;
    },
  };
}

/** A byte order mark in UTF-8; one in UTF-16 is shorter. */
const MARK_OCTETS = 3;

function utf16Mark(bytes: Buffer): 'utf-16le' | 'utf-16be' | undefined {
  const mark = bytes.subarray(0, 2).toString('hex');
  return mark === 'fffe' ? 'utf-16le' : mark === 'feff' ? 'utf-16be' : undefined;
}

/** Text of a Windows program without its byte order mark, and as UTF-8 where the mark says UTF-16. */
function withoutMark(bytes: Buffer): Buffer {
  if (bytes.subarray(0, MARK_OCTETS).toString('hex') === 'efbbbf') return bytes.subarray(MARK_OCTETS);
  const label = utf16Mark(bytes);
  return label === undefined ? bytes : Buffer.from(new TextDecoder(label).decode(bytes), 'utf8');
}

/** The text of a source in memory, of a longer one its first `limit` octets: as UTF-8, failing that windows-1252. */
export async function readText(source: Source, limit: number): Promise<string> {
  if (source.size <= limit) return decodeUnlabelled(withoutMark(await readAll(source, 'the text')));
  const chunks: Uint8Array[] = [];
  let octets = 0;
  for await (const chunk of source.open()) {
    chunks.push(Buffer.from(chunk.subarray(0, limit - octets)));
    octets += chunk.length;
    if (octets >= limit) break;
  }
  // The last character may be cut.
  return new TextDecoder().decode(withoutMark(Buffer.concat(chunks)));
}

async function largeText(text: Source, subtype: string): Promise<Part> {
  let size = 0;
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let charset = 'utf-8';
  const lines = () => canonical(unmarked(exactly(text, 'the text')));
  for await (const chunk of lines()) {
    size += chunk.length;
    if (charset === 'utf-8' && !decodes(decoder, chunk)) charset = 'windows-1252';
  }
  return {
    header: textHeader(subtype, charset, 'base64'),
    bodySize: base64LinesSize(size),
    body: () => base64Lines(lines()),
  };
}

/** The same as `withoutMark`, for what is not held in memory. */
async function* unmarked(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let start = Buffer.alloc(0);
  let decoder: InstanceType<typeof TextDecoder> | undefined;
  let begun = false;
  for await (const chunk of source) {
    if (begun) yield decoder === undefined ? chunk : Buffer.from(decoder.decode(chunk, { stream: true }));
    else {
      start = Buffer.concat([start, chunk]);
      if (start.length < MARK_OCTETS) continue;
      begun = true;
      const label = utf16Mark(start);
      decoder = label === undefined ? undefined : new TextDecoder(label);
      yield decoder === undefined ? withoutMark(start) : Buffer.from(decoder.decode(start, { stream: true }));
    }
  }
  if (!begun) yield withoutMark(start);
  else if (decoder !== undefined) yield Buffer.from(decoder.decode());
}

function decodes(decoder: InstanceType<typeof TextDecoder>, chunk: Uint8Array): boolean {
  try {
    decoder.decode(chunk, { stream: true });
    return true;
  } catch {
    return false;
  }
}

function textHeader(
  subtype: string,
  charset: string,
  encoding: string,
  parameters: readonly string[] = [],
): string {
  return (
    field('Content-Type', withParameters(`text/${subtype}`, [`charset=${charset}`, ...parameters])) +
    field('Content-Transfer-Encoding', [encoding])
  );
}

/** The encoding for 7-bit lines, and whether the text fits into lines as it is, but for 8-bit octets. */
interface Choice {
  readonly encoding: '7bit' | 'quoted-printable' | 'base64';
  readonly charset: string;
  readonly fits: boolean;
}

function choose(lines: Uint8Array): Choice {
  let eightBit = 0;
  let control = 0;
  let line = 0;
  let longest = 0;
  for (const octet of lines) {
    if (octet === 0x0a) line = 0;
    else if (octet !== 0x0d && ++line > longest) longest = line;
    if (octet > 0x7e) eightBit++;
    else if (octet < 0x20 && octet !== 0x0a && octet !== 0x0d && octet !== 0x09) control++;
  }
  const charset =
    eightBit === 0
      ? 'us-ascii'
      : decodes(new TextDecoder('utf-8', { fatal: true }), lines)
        ? 'utf-8'
        : 'windows-1252';
  const fits = control === 0 && longest <= LONGEST_LINE;
  if (eightBit === 0 && fits) return { encoding: '7bit', charset: 'utf-8', fits };
  const readable = (eightBit + control) * 6 <= lines.length;
  return {
    encoding: readable ? 'quoted-printable' : 'base64',
    charset: charset === 'us-ascii' ? 'utf-8' : charset,
    fits,
  };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function joined(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}
