import { field } from './header.ts';

/** What a server takes, as its EHLO says. */
export interface Takes {
  /** 8BITMIME (RFC 6152). */
  readonly eightBit: boolean;
  /** BINARYMIME, and chunks were asked for (RFC 3030). */
  readonly binary: boolean;
  /** SMTPUTF8 (RFC 6531). */
  readonly utf8: boolean;
}

/** What a part may be, beyond 7-bit lines. */
export interface Allowed {
  /** Lines with 8-bit octets: of no text, of text that is mostly such octets, or of any. */
  readonly eightBit: 'none' | 'dense' | 'any';
  /** Octets that are no lines. */
  readonly binary: boolean;
}

/** One entity of a message: its header, and its body as a stream of known size. */
export interface Part {
  /** Whole fields, each ended by CRLF; without the blank line. */
  readonly header: string;
  /** Octets of the body. */
  readonly bodySize: number;
  body(): AsyncGenerator<Uint8Array>;
  /** Absent: it is 7-bit lines. */
  readonly needs?: '8bit' | 'binary' | undefined;
  /** The same part in the form that is allowed and has the fewest octets; absent: it has one form. */
  within?(allowed: Allowed): Part;
}

/** Octets of a part with its header and the blank line between. */
export function partSize(part: Part): number {
  return Buffer.byteLength(part.header) + 2 + part.bodySize;
}

/** A part as bytes; a chunk is only good until the next is asked for. */
export async function* partBytes(part: Part): AsyncGenerator<Uint8Array> {
  yield Buffer.from(`${part.header}\r\n`, 'utf8');
  yield* part.body();
}

/** What is smaller is worth a copy, what is larger is worth a write of its own. */
const SMALL = 16 * 1024;

/** The same octets with small chunks put together: a small message is one. */
export async function* gathered(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let small: Uint8Array[] = [];
  let octets = 0;
  for await (const chunk of source) {
    if (chunk.length < SMALL) {
      small.push(Buffer.from(chunk));
      octets += chunk.length;
      if (octets < SMALL) continue;
    }
    if (octets > 0) yield Buffer.concat(small);
    small = [];
    octets = 0;
    if (chunk.length >= SMALL) yield chunk;
  }
  if (octets > 0) yield Buffer.concat(small);
}

/** Several parts as one (RFC 2046 5.1); it says so where one of them is more than 7-bit lines (RFC 2045 6.4). */
export function multipart(contentType: string, boundary: string, parts: readonly Part[]): Part {
  const delimiter = `--${boundary}\r\n`;
  const end = `--${boundary}--\r\n`;
  const needs = (['binary', '8bit'] as const).find((kind) => parts.some((part) => part.needs === kind));
  return {
    header: contentType + (needs === undefined ? '' : field('Content-Transfer-Encoding', [needs])),
    needs,
    within: (allowed) =>
      multipart(
        contentType,
        boundary,
        parts.map((part) => part.within?.(allowed) ?? part),
      ),
    // Between two parts stands one CRLF that belongs to the delimiter (RFC 2046 5.1.1).
    bodySize: parts.reduce((sum, part) => sum + delimiter.length + partSize(part) + 2, 0) + end.length,
    async *body() {
      for (const part of parts) {
        yield Buffer.from(delimiter, 'latin1');
        yield* partBytes(part);
        yield Buffer.from('\r\n', 'latin1');
      }
      yield Buffer.from(end, 'latin1');
    },
  };
}
