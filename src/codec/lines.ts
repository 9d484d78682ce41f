import { ProtocolError } from '../errors.ts';
import { asBuffer } from './octets.ts';

const CR = 0x0d;
const LF = 0x0a;
const NOTHING = Buffer.alloc(0);

/** One line from a peer, without its ending. A bare CR inside stays part of the line. */
export interface Line {
  /** Good until more is read: a view, not a copy. */
  readonly bytes: Buffer;
  readonly ending: 'CRLF' | 'LF';
}

/**
 * Cuts a stream of bytes into lines, however the bytes were chunked. A line of more than `limit` octets, ending not
 * counted, is a `ProtocolError`: nothing here grows without bound.
 */
export class LineFramer {
  readonly #limit: number;
  #bytes: Buffer = NOTHING;
  /** Up to here there is no LF: a line that trickles in is not searched again from its start. */
  #searched = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** How many octets wait here, whole lines and the beginning of the next. */
  get size(): number {
    return this.#bytes.length;
  }

  push(chunk: Uint8Array): void {
    const fresh = asBuffer(chunk);
    this.#bytes = this.#bytes.length === 0 ? fresh : Buffer.concat([this.#bytes, fresh]);
  }

  /** Whether `next` would give a line. */
  hasLine(): boolean {
    return this.#bytes.indexOf(LF, this.#searched) !== -1;
  }

  next(): Line | undefined {
    const end = this.#bytes.indexOf(LF, this.#searched);
    const length = end === -1 ? this.#bytes.length : end;
    const ending = length > 0 && this.#bytes[length - 1] === CR ? 'CRLF' : 'LF';
    const octets = ending === 'CRLF' ? length - 1 : length;
    if (octets > this.#limit)
      throw new ProtocolError(`the server sent a line of more than ${this.#limit} octets`);
    if (end === -1) {
      this.#searched = this.#bytes.length;
      return undefined;
    }
    const bytes = this.#bytes.subarray(0, octets);
    this.#bytes = this.#bytes.subarray(end + 1);
    this.#searched = 0;
    return { bytes, ending };
  }

  /** Makes what waits here independent of the memory it came in. */
  keep(): void {
    this.#bytes = this.#bytes.length === 0 ? NOTHING : Buffer.from(this.#bytes);
  }

  /** Hands over all that waits here, for a reader of blocks; what it does not use comes back by `push`. */
  take(): Buffer {
    const bytes = this.#bytes;
    this.#bytes = NOTHING;
    this.#searched = 0;
    return bytes;
  }
}
