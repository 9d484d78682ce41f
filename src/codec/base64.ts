/** Base64 by hand (RFC 4648 4; in mail RFC 2045 6.8): text for SASL, 76-column lines for bodies. */
import { endianness } from 'node:os';
import { DataError } from '../errors.ts';
import { markWireReady } from './dots.ts';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const EQUALS = 0x3d;

/** Octets of one full line (RFC 2045 6.8: at most 76 columns). */
const LINE_OCTETS = 57;
/** One step of the streaming encoder: 57 KB in, 78 KB out. Larger ones are slower, they fall out of the cache. */
const STEP_LINES = 1024;
/** How much `base64Lines` takes in one step; a source that reads multiples of it is never copied. */
export const BASE64_STEP = STEP_LINES * LINE_OCTETS;

/** Two characters for each 12 bits, laid out as this machine stores 16 bits. */
const PAIRS = new Uint16Array(4096);
const LITTLE = endianness() === 'LE';
const pair = (first: number, second: number): number =>
  LITTLE ? first | (second << 8) : (first << 8) | second;
const CRLF = pair(0x0d, 0x0a);

/** Six bits for each octet; 64 and more are not of the alphabet. */
const NOT_A_DIGIT = 64;
const DIGITS = new Uint8Array(256).fill(NOT_A_DIGIT);

for (let high = 0; high < 64; high++) {
  DIGITS[ALPHABET.charCodeAt(high)] = high;
  for (let low = 0; low < 64; low++) {
    PAIRS[(high << 6) | low] = pair(ALPHABET.charCodeAt(high), ALPHABET.charCodeAt(low));
  }
}

/** The URL-safe letters are read too where reading is tolerant. */
const TOLERANT = DIGITS.slice();
TOLERANT[0x2d] = 62;
TOLERANT[0x5f] = 63;

/**
 * Encodes octets `from` up to `to` without line breaks into 16-bit cells of `out` at `cell`; gives the next free cell.
 * Padding is written where `to - from` is no multiple of three.
 */
function encodeRun(bytes: Uint8Array, from: number, to: number, out: Uint16Array, cell: number): number {
  let at = from;
  let next = cell;
  for (const end = to - ((to - from) % 3); at < end; at += 3) {
    const middle = bytes[at + 1] as number;
    out[next] = PAIRS[((bytes[at] as number) << 4) | (middle >> 4)] as number;
    out[next + 1] = PAIRS[((middle & 15) << 8) | (bytes[at + 2] as number)] as number;
    next += 2;
  }
  if (at === to) return next;
  const first = bytes[at] as number;
  if (to - at === 1) {
    out[next] = PAIRS[first << 4] as number;
    out[next + 1] = pair(EQUALS, EQUALS);
  } else {
    const second = bytes[at + 1] as number;
    out[next] = PAIRS[(first << 4) | (second >> 4)] as number;
    out[next + 1] = pair(ALPHABET.charCodeAt((second & 15) << 2), EQUALS);
  }
  return next + 2;
}

/** Memory for encoded lines, as the cells that are written and the octets that are given away. */
interface Page {
  readonly cells: Uint16Array;
  readonly octets: Uint8Array;
}

function newPage(octets: number): Page {
  const buffer = new ArrayBuffer(base64LinesSize(octets));
  return { cells: new Uint16Array(buffer), octets: markWireReady(new Uint8Array(buffer)) };
}

/** Encodes octets `from` up to `to` as lines of 76 columns, each ended by CRLF; they fill the page. */
function encodeLines(
  bytes: Uint8Array,
  from: number,
  to: number,
  page: Page = newPage(to - from),
): Uint8Array {
  let cell = 0;
  for (let at = from; at < to; at += LINE_OCTETS) {
    cell = encodeRun(bytes, at, Math.min(at + LINE_OCTETS, to), page.cells, cell);
    page.cells[cell++] = CRLF;
  }
  return page.octets;
}

/** Encodes without line breaks, padded. */
export function encodeBase64(bytes: Uint8Array): string {
  const out = new Uint16Array(Math.ceil(bytes.length / 3) * 2);
  encodeRun(bytes, 0, bytes.length, out, 0);
  return Buffer.from(out.buffer).toString('latin1');
}

/**
 * Decodes one run of base64 to the letter: whole quanta, padding only at the end, no blanks or line breaks, no stray bits
 * (RFC 4648 3.1 to 3.5). Throws a DataError for anything else.
 */
export function decodeBase64(text: string): Uint8Array {
  if (text.length % 4 !== 0) throw new DataError(`base64 of ${text.length} characters is cut short`);
  const digits = text.endsWith('==') ? text.length - 2 : text.endsWith('=') ? text.length - 1 : text.length;
  const out = new Uint8Array((digits * 6) >> 3);
  let bits = 0;
  let octets = 0;
  for (let at = 0; at < digits; at++) {
    const code = text.charCodeAt(at);
    const digit = code < 256 ? (DIGITS[code] as number) : NOT_A_DIGIT;
    if (digit === NOT_A_DIGIT)
      throw new DataError(`base64 holds a character that is not of its alphabet, at ${at + 1}`);
    bits = ((bits << 6) | digit) & 0xffffff;
    // Each digit after the first of its quantum completes one octet, and leaves 4, 2 or 0 bits over.
    const phase = at & 3;
    if (phase !== 0) out[octets++] = bits >> (6 - 2 * phase);
  }
  const stray = digits % 4 === 2 ? bits & 15 : digits % 4 === 3 ? bits & 3 : 0;
  if (stray !== 0) throw new DataError('base64 ends in bits that belong to no octet');
  return out;
}

/**
 * Decodes base64 as mail in the wild has it: whatever is not of the alphabet is skipped, padding ends a quantum and may be
 * missing or come in the middle, a quantum cut short gives the octets that it still holds. Never throws.
 */
export function decodeBase64Tolerant(text: string | Uint8Array): Uint8Array {
  const bytes = typeof text === 'string' ? Buffer.from(text, 'latin1') : text;
  const out = new Uint8Array(((bytes.length * 3) >> 2) + 3);
  let octets = 0;
  let bits = 0;
  let phase = 0;
  for (let at = 0; at < bytes.length; at++) {
    const code = bytes[at] as number;
    const digit = TOLERANT[code] as number;
    if (digit === NOT_A_DIGIT) {
      if (code === EQUALS) phase = 0;
      continue;
    }
    bits = ((bits << 6) | digit) & 0xffffff;
    if (phase !== 0) out[octets++] = bits >> (6 - 2 * phase);
    phase = (phase + 1) & 3;
  }
  return out.subarray(0, octets);
}

/** The exact number of octets that `base64Lines` gives for so many: 78 for 57. */
export function base64LinesSize(octets: number): number {
  return Math.ceil(octets / 3) * 4 + Math.ceil(octets / LINE_OCTETS) * 2;
}

/**
 * Encodes a stream as lines of 76 columns, every one ended by CRLF (RFC 2045 6.8); nothing for no octets. Gives chunks of
 * 78 KB whatever the chunks of the source are; each is only good until the next is asked for, and so is the source's.
 */
export async function* base64Lines(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  // Octets that do not fill a step wait here; made only when a source gives other than whole steps.
  let pending: Uint8Array | undefined;
  let held = 0;
  let encode: ((step: Uint8Array) => Uint8Array) | undefined;
  for await (const chunk of source) {
    let at = 0;
    if (held > 0 && pending !== undefined) {
      at = Math.min(BASE64_STEP - held, chunk.length);
      pending.set(chunk.subarray(0, at), held);
      held += at;
      if (held < BASE64_STEP) continue;
      encode ??= await stepEncoder();
      yield encode(pending);
      held = 0;
    }
    for (; chunk.length - at >= BASE64_STEP; at += BASE64_STEP) {
      encode ??= await stepEncoder();
      yield encode(chunk.subarray(at, at + BASE64_STEP));
    }
    if (at === chunk.length) continue;
    pending ??= new Uint8Array(BASE64_STEP);
    pending.set(chunk.subarray(at), 0);
    held = chunk.length - at;
  }
  if (held > 0 && pending !== undefined) yield encodeLines(pending, 0, held);
}

/** What encodes whole steps: the fastest there is on this machine. */
async function stepEncoder(): Promise<(step: Uint8Array) => Uint8Array> {
  const { simdLineEncoder } = await import('./base64-simd.ts');
  const simd = simdLineEncoder();
  if (simd !== undefined) return (step) => markWireReady(simd(step));
  const page = newPage(BASE64_STEP);
  return (step) => encodeLines(step, 0, step.length, page);
}

/** The same lines for octets that are already in memory. */
export function encodeBase64Lines(bytes: Uint8Array): Uint8Array {
  return encodeLines(bytes, 0, bytes.length);
}
