/** Ways to write the body of a part anew in 7-bit lines, for bodies of any length: nothing here holds more than a line. */
import { base64Lines } from '../codec/base64.ts';
import { encodeQuotedPrintable } from '../codec/quoted-printable.ts';
import { type CutLine, LineCutter } from './line-cutter.ts';
import { canonical } from './source.ts';
import { LONGEST_LINE } from './survey.ts';

/** Octets of a body in, as the source has them, the new body out. */
export type Recoding = (body: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>;

/** Whether the last line of a body is to be ended, or left open since a line end follows. */
export type Ending = 'ended' | 'open';

/** So much is encoded at a time: what comes of it may be three times as large. */
const BLOCK = 64 * 1024;

/** Lines of text in quoted-printable; none may be longer than `LINE_PIECE`. */
export const quotedPrintable = (ending: Ending): Recoding =>
  async function* (body) {
    let held = Buffer.alloc(0);
    for await (const chunk of canonical(body, ending)) {
      for (let at = 0; at < chunk.length; at += BLOCK) {
        const lines = Buffer.concat([held, chunk.subarray(at, at + BLOCK)]);
        const end = lines.lastIndexOf(0x0a) + 1;
        if (end > 0) yield encodeQuotedPrintable(lines.subarray(0, end));
        held = lines.subarray(end);
      }
    }
    if (held.length > 0) yield encodeQuotedPrintable(held);
  };

/** Lines of text in base64, with CRLF between them (RFC 2045 6.8). */
export const base64Text: Recoding = (body) => base64Lines(canonical(body, 'open'));

/** Octets in base64, as they are. */
export const base64Octets: Recoding = (body) => base64Lines(body);

/** What is quoted-printable already: only what may not be in it is encoded, and lines that are too long are broken. */
export const mendQuoted = (ending: Ending): Recoding =>
  async function* (body) {
    const mender = new QuotedMender();
    let open = false;
    const mended = (lines: Iterable<CutLine>): Uint8Array => {
      const pieces: Uint8Array[] = [];
      for (const line of lines) {
        pieces.push(mender.mend(line));
        if (line.end > 0) pieces.push(CRLF);
        open = line.end === 0;
      }
      return Buffer.concat(pieces);
    };
    const cutter = new LineCutter();
    for await (const chunk of body) yield mended(cutter.push(chunk));
    yield mended(cutter.finish());
    if (open && ending === 'ended') yield CRLF;
  };

const CRLF = Buffer.from('\r\n');
const EQUALS = 0x3d;
const HEX = Buffer.from('0123456789ABCDEF', 'latin1');
/** RFC 2045 6.7: the last place of 76 is that of the `=` that breaks the line. */
const COLUMNS = 75;

/** Mends lines of quoted-printable, or pieces of long ones one after the other. */
export class QuotedMender {
  #column = 0;

  mend(line: CutLine): Uint8Array {
    if (line.starts) this.#column = 0;
    if (line.whole) {
      const escaped = this.#write(line.bytes, Number.POSITIVE_INFINITY);
      if (escaped.length <= LONGEST_LINE) return escaped;
      this.#column = 0;
    }
    return this.#write(line.bytes, COLUMNS);
  }

  #write(bytes: Uint8Array, columns: number): Buffer {
    const out = Buffer.allocUnsafe(bytes.length * 4 + 16);
    let at = 0;
    let column = this.#column;
    for (let index = 0; index < bytes.length; index++) {
      const octet = bytes[index] as number;
      // One that stands for itself would run together with that of an octet that is encoded behind it.
      const plain = octet === EQUALS ? isPlain(bytes[index + 1] ?? EQUALS) : isPlain(octet);
      // An `=` keeps its place for two digits behind it: what it stands for is never torn apart.
      if (column + (plain && octet !== EQUALS ? 1 : 3) > columns) {
        out[at++] = EQUALS;
        at += CRLF.copy(out, at);
        column = 0;
      }
      if (plain) {
        out[at++] = octet;
        column += 1;
      } else {
        out[at++] = EQUALS;
        out[at++] = HEX[octet >> 4] as number;
        out[at++] = HEX[octet & 15] as number;
        column += 3;
      }
    }
    this.#column = column;
    return out.subarray(0, at);
  }
}

function isPlain(octet: number): boolean {
  return (octet >= 0x20 && octet < 0x7f) || octet === 0x09;
}

/** RFC 2045 6.8. */
const BASE64_COLUMNS = 76;

/** What is base64 already, in lines of 76: what cannot be of it, and every reader passes over, is left out. */
export const mendBase64: Recoding = async function* (body) {
  let column = 0;
  for await (const chunk of body) {
    const out = Buffer.allocUnsafe(chunk.length + 2 * Math.ceil(chunk.length / BASE64_COLUMNS) + 2);
    let at = 0;
    for (const octet of chunk) {
      if (octet <= 0x20 || octet >= 0x7f) continue;
      if (column === BASE64_COLUMNS) {
        at += CRLF.copy(out, at);
        column = 0;
      }
      out[at++] = octet;
      column++;
    }
    yield out.subarray(0, at);
  }
  if (column > 0) yield CRLF;
};

/** Octets that `mendBase64` makes of so many that it keeps. */
export function mendedBase64Size(kept: number): number {
  return kept + 2 * Math.ceil(kept / BASE64_COLUMNS);
}
