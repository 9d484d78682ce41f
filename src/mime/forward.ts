import { UnsupportedError } from '../errors.ts';
import { field } from './header.ts';
import { newBoundary, type Uniqueness } from './ids.ts';
import { headerOfMessage } from './message-header.ts';
import { parameter, plainFallback, withParameters } from './parameter.ts';
import type { Part } from './part.ts';
import { type RawMessage, rawMessage } from './raw.ts';
import { fieldValue, readText } from './read-header.ts';
import type { Source } from './source.ts';

/** So much of a subject makes a file name. */
const NAME_LIMIT = 80;

/**
 * A message as a part of another: it may not be encoded as a whole (RFC 2046 5.2.1). Line ends are made CRLF, and Bcc is left
 * out; the rest is as it was where the server takes 8-bit lines, and otherwise its 8-bit parts are encoded anew. What can
 * only go as 8bit (signed, for instance) says so in every form. `DataError` for what cannot be sent at all.
 */
export async function forwardedPart(source: Source): Promise<Part> {
  const message = await rawMessage(source);
  const name = fileName(await subjectOf(source));
  const part = (form: RawMessage): Part => {
    const needs = form.eightBit ? '8bit' : undefined;
    return {
      header:
        field('Content-Type', withParameters('message/rfc822', parameter('name', plainFallback(name)))) +
        field('Content-Transfer-Encoding', [needs ?? '7bit']) +
        field('Content-Disposition', withParameters('attachment', parameter('filename', name))),
      bodySize: form.size,
      needs,
      async *body() {
        yield* form;
      },
    };
  };
  const asItIs = part(message);
  if (!message.eightBit) return asItIs;
  const sevenBit = await inSevenBits(message);
  if (sevenBit === undefined) return asItIs;
  return { ...part(sevenBit), within: ({ eightBit }) => (eightBit === 'none' ? part(sevenBit) : asItIs) };
}

async function inSevenBits(message: RawMessage): Promise<RawMessage | undefined> {
  try {
    return await message.prepared({ eightBit: false, binary: false, utf8: false });
  } catch (error) {
    if (error instanceof UnsupportedError) return undefined;
    throw error;
  }
}

/** A boundary that is in none of these parts, which nothing encodes. */
export async function boundaryBeside(parts: readonly Part[], unique: Uniqueness): Promise<string> {
  for (;;) {
    const boundary = newBoundary(unique);
    let found = false;
    for (const part of parts) found ||= await holds(part, boundary);
    if (!found) return boundary;
  }
}

async function holds(part: Part, text: string): Promise<boolean> {
  let end = '';
  for await (const chunk of part.body()) {
    // What is cut between two chunks counts.
    if (Buffer.from(chunk).includes(text) || (end + latin1(chunk, 0, text.length)).includes(text))
      return true;
    end = (end + latin1(chunk, -text.length)).slice(-text.length);
  }
  return false;
}

function latin1(chunk: Uint8Array, from: number, to?: number): string {
  return Buffer.from(chunk.subarray(from, to)).toString('latin1');
}

/** The subject of a message as one line; empty where there is none. */
export async function subjectOf(source: Source): Promise<string> {
  const value = fieldValue(await headerOfMessage(source), 'subject') ?? '';
  // What comes from another message is no attack of who sends this one, and no reason to refuse it.
  return readText(value)
    .replace(/[\s\0-\x1f\x7f-\x9f]+/g, ' ')
    .trim();
}

/** `subject` with `Re: ` or `Fwd: ` before it, once however often it is there (RFC 5322 3.6.5). */
export function marked(mark: 'Re' | 'Fwd', subject: string): string {
  const there = mark === 'Re' ? /^re(?:\[\d{1,3}\])? ?: ?/i : /^fwd? ?: ?/i;
  let rest = subject;
  while (there.test(rest)) rest = rest.replace(there, '');
  return `${mark}: ${rest}`.trimEnd();
}

function fileName(subject: string): string {
  const safe = [...subject.replace(/[/\\:*?"<>|]+/g, '_').replace(/^[.\s]+/, '')]
    .slice(0, NAME_LIMIT)
    .join('');
  return `${safe.trim() === '' ? 'message' : safe.trim()}.eml`;
}
