import { DataError } from '../errors.ts';
import { LineCutter } from './line-cutter.ts';
import { HEADER_LIMIT } from './read-header.ts';
import { exactly, type Source } from './source.ts';

/** RFC 5322 2.1.1, in octets, without the line end. */
export const LONGEST_LINE = 998;

/** What one reading of a message shows. */
export interface Survey {
  /** Octets with CRLF line ends. */
  readonly size: number;
  readonly eightBit: boolean;
  /** The first line that is longer than any server has to take, counted from 1. */
  readonly longLine: number | undefined;
  /** The first line that holds a NUL, which no server has to take either. */
  readonly nulLine: number | undefined;
  /** Whether there is a CRLF and, elsewhere, a CR or LF alone. */
  readonly mixedEnds: boolean;
  /** The header up to the blank line, with CRLF line ends. */
  readonly head: Buffer;
  /** Its octets in the source. */
  readonly headOctets: number;
}

const CR = 0x0d;
const LF = 0x0a;

/** Reads a message once. `DataError` where it is empty, or its header has no end or a line that cannot be sent. */
export async function survey(source: Source): Promise<Survey> {
  const body = new Octets();
  const header = new Header();
  for await (const chunk of exactly(source, 'the message')) {
    body.push(chunk);
    header.push(chunk);
  }
  const found = body.finish();
  if (found.size === 0) {
    throw unsendable('the message is empty', 'what should have written it may have failed');
  }
  const { bytes: head, octets: headOctets, lines } = header.finish();
  if (found.longLine !== undefined && found.longLine <= lines)
    throw tooLong(found.longLine, 'fold that field');
  if (found.nulLine !== undefined && found.nulLine <= lines)
    throw hasNul(found.nulLine, 'take it out of the header');
  return { ...found, head, headOctets };
}

export function unsendable(message: string, hint: string): DataError {
  return new DataError(message, { stage: 'compose', hint });
}

export function tooLong(line: number, hint: string): DataError {
  return unsendable(`line ${line} of the message has more than ${LONGEST_LINE} octets`, hint);
}

export function hasNul(line: number, hint: string): DataError {
  return unsendable(`line ${line} of the message holds a NUL`, hint);
}

/** Counts what matters of all octets; where a line ends as `canonical` has it. */
class Octets {
  #text = 0;
  #lines = 0;
  #bits = 0;
  /** Octets of the line that is open. */
  #line = 0;
  #crlf = false;
  #alone = false;
  /** CRs whose meaning the next octet decides: none, one, or two. */
  #heldCr = 0;
  #longLine: number | undefined;
  #nulLine: number | undefined;

  push(chunk: Uint8Array): void {
    const { length } = chunk;
    let bits = this.#bits;
    let start = 0;
    let at = 0;
    if (this.#heldCr > 0) at = start = this.#decide(chunk);
    for (; at < length; at++) {
      const octet = chunk[at] as number;
      if (octet > CR) {
        bits |= octet;
      } else if (octet === CR || octet === LF) {
        this.#grow(at - start);
        if (octet === LF) {
          this.#alone = true;
          this.#endLine();
        } else if (chunk[at + 1] === LF) {
          at++;
          this.#crlf = true;
          this.#endLine();
        } else {
          this.#heldCr = 1;
          at = this.#decide(chunk.subarray(at + 1)) + at;
        }
        start = at + 1;
      } else if (octet === 0) {
        this.#nulLine ??= this.#lines + 1;
      }
    }
    if (length > start) this.#grow(length - start);
    this.#bits = bits;
  }

  finish(): Omit<Survey, 'head' | 'headOctets'> {
    while (this.#heldCr > 0) this.#endAlone();
    if (this.#line > 0) this.#endLine();
    return {
      size: this.#text + 2 * this.#lines,
      eightBit: this.#bits > 127,
      longLine: this.#longLine,
      nulLine: this.#nulLine,
      mixedEnds: this.#crlf && this.#alone,
    };
  }

  /** What the held CRs are, as far as `rest` tells; gives the octets of it that belong to the line end. */
  #decide(rest: Uint8Array): number {
    let at = 0;
    while (this.#heldCr > 0 && at < rest.length) {
      const octet = rest[at] as number;
      if (octet === LF) {
        at++;
        if (this.#heldCr > 1) this.#alone = true;
        this.#crlf = true;
        this.#heldCr = 0;
        this.#endLine();
      } else if (octet === CR) {
        at++;
        if (this.#heldCr === 2) this.#endAlone();
        this.#heldCr = 2;
      } else while (this.#heldCr > 0) this.#endAlone();
    }
    return at;
  }

  #endAlone(): void {
    this.#heldCr--;
    this.#alone = true;
    this.#endLine();
  }

  #endLine(): void {
    this.#lines++;
    this.#line = 0;
  }

  #grow(octets: number): void {
    this.#text += octets;
    this.#line += octets;
    if (this.#line > LONGEST_LINE) this.#longLine ??= this.#lines + 1;
  }
}

/** Gathers the lines before the first blank one. */
class Header {
  readonly #cutter = new LineCutter();
  readonly #pieces: Uint8Array[] = [];
  #octets = 0;
  #size = 0;
  #lines = 0;
  #over = false;

  push(chunk: Uint8Array): void {
    if (!this.#over) this.#take(this.#cutter.push(chunk));
  }

  finish(): { bytes: Buffer; octets: number; lines: number } {
    if (!this.#over) this.#take(this.#cutter.finish());
    return { bytes: Buffer.concat(this.#pieces), octets: this.#octets, lines: this.#lines };
  }

  #take(lines: Iterable<{ bytes: Buffer; end: number; starts: boolean; whole: boolean }>): void {
    for (const { bytes, end, starts, whole } of lines) {
      if (starts && bytes.length === 0) {
        this.#over = true;
        return;
      }
      this.#pieces.push(Uint8Array.from(bytes));
      if (end > 0 || whole) this.#pieces.push(CRLF);
      this.#octets += bytes.length + end;
      this.#size += bytes.length + 2;
      this.#lines += starts ? 1 : 0;
      if (this.#size > HEADER_LIMIT) {
        throw unsendable(
          `the header of the message is longer than ${HEADER_LIMIT} octets`,
          'a blank line has to end it',
        );
      }
    }
  }
}

const CRLF = Buffer.from('\r\n');
