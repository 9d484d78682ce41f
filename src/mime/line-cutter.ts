import { asBuffer } from '../codec/octets.ts';

/** A line of a source, or a piece of one that is too long to be held. */
export interface CutLine {
  /** Without its end; good until the next chunk. */
  readonly bytes: Buffer;
  /** Octets of its end in the source: 1 to 3, or 0 where the line goes on in the next piece, or the source ends. */
  readonly end: number;
  /** Whether the line begins here. */
  readonly starts: boolean;
  /** Whether this is all of it. */
  readonly whole: boolean;
}

const CR = 0x0d;
const LF = 0x0a;
const NOTHING = Buffer.alloc(0);

/** Longer lines come in pieces. */
export const LINE_PIECE = 64 * 1024;

/** Cuts octets into lines where `canonical` ends one (CRLF, LF, CR, CR CR LF), however they were chunked. */
export class LineCutter {
  #held: Buffer = NOTHING;
  #starts = true;

  *push(chunk: Uint8Array): Generator<CutLine> {
    const fresh = asBuffer(chunk);
    const rest = yield* this.#cut(
      this.#held.length === 0 ? fresh : Buffer.concat([this.#held, fresh]),
      false,
    );
    this.#held = Buffer.from(rest);
  }

  /** The last line, where it has no end. */
  *finish(): Generator<CutLine> {
    const rest = yield* this.#cut(this.#held, true);
    this.#held = NOTHING;
    if (rest.length > 0) yield { bytes: rest, end: 0, starts: this.#starts, whole: this.#starts };
  }

  *#cut(bytes: Buffer, last: boolean): Generator<CutLine, Buffer> {
    const { length } = bytes;
    for (let from = 0; ; ) {
      let at = from;
      while (at < length && bytes[at] !== LF && bytes[at] !== CR) at++;
      const end = at === length ? 0 : endAt(bytes, at, last);
      if (end === 0) {
        if (at - from <= LINE_PIECE) return bytes.subarray(from);
        yield { bytes: bytes.subarray(from, at), end: 0, starts: this.#starts, whole: false };
        this.#starts = false;
        return bytes.subarray(at);
      }
      yield { bytes: bytes.subarray(from, at), end, starts: this.#starts, whole: this.#starts };
      this.#starts = true;
      from = at + end;
    }
  }
}

/** The length of the line end at a CR or LF; 0 where the octets that decide are still to come. */
function endAt(bytes: Buffer, at: number, last: boolean): number {
  if (bytes[at] === LF) return 1;
  const next = bytes[at + 1];
  if (next === LF) return 2;
  if (next === CR) {
    const third = bytes[at + 2];
    if (third === LF) return 3;
    return third === undefined && !last ? 0 : 1;
  }
  return next === undefined && !last ? 0 : 1;
}
