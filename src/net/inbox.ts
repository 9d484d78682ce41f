import { type Line, LineFramer } from '../codec/lines.ts';

/** The longest line any server may send: an AUTH challenge may have 12288 octets (RFC 4954 4.2), this is generous. */
export const LINE_LIMIT = 65_536;
/** So much may wait here unread before the server is told to stop sending. */
export const HIGH_WATER = 256 * 1024;

const COPIED = 4 * 1024;

/** What has arrived and is not read yet: chunks in order, and the framer that the next of them goes into. */
export class Inbox {
  readonly #framer = new LineFramer(LINE_LIMIT);
  readonly #chunks: Buffer[] = [];
  #octets = 0;
  /** The last chunk's memory is read into again as soon as the socket goes on. */
  #borrowed = false;

  /** Takes a chunk; a borrowed one is the last until `mayReadOn`. */
  add(chunk: Buffer, borrowed: boolean): void {
    this.#chunks.push(chunk);
    this.#octets += chunk.length;
    this.#borrowed = borrowed;
  }

  /**
   * Takes a chunk whose memory will be read into again. Says whether that may be now: a reply is copied, which costs less
   * than to stop and go on; a part of a message is not.
   */
  take(chunk: Buffer): boolean {
    const copies = chunk.length <= COPIED && this.size <= HIGH_WATER;
    this.add(copies ? Buffer.from(chunk) : chunk, !copies);
    return copies;
  }

  /** Whether no chunk waits; the beginning of a line may. */
  get isEmpty(): boolean {
    return this.#chunks.length === 0;
  }

  /** Everything that waits, in octets. */
  get size(): number {
    return this.#octets + this.#framer.size;
  }

  /**
   * Whether a socket that has stopped reading may go on: one that lent its memory when nothing here refers to it any more,
   * another (`paused`) when little is left unread.
   */
  mayReadOn(paused: boolean): boolean {
    if (!this.#borrowed) return paused && this.#octets <= HIGH_WATER;
    if (this.#chunks.length > 0) return false;
    this.#borrowed = false;
    this.#framer.keep();
    return true;
  }

  /** The next whole line. Throws `ProtocolError` for one that is too long. */
  line(): Line | undefined {
    for (;;) {
      const line = this.#framer.next();
      if (line !== undefined) return line;
      const chunk = this.#shift();
      if (chunk === undefined) return undefined;
      this.#framer.push(chunk);
    }
  }

  hasLine(): boolean {
    while (!this.#framer.hasLine()) {
      const chunk = this.#shift();
      if (chunk === undefined) return false;
      this.#framer.push(chunk);
    }
    return true;
  }

  /** The next bytes, however they are divided into lines. */
  bytes(): Buffer | undefined {
    return this.#framer.size > 0 ? this.#framer.take() : this.#shift();
  }

  /** Forgets everything. */
  clear(): void {
    this.#chunks.length = 0;
    this.#octets = 0;
    this.#framer.take();
  }

  /** Puts back what came after a block. */
  unread(rest: Uint8Array): void {
    this.#framer.push(rest);
  }

  #shift(): Buffer | undefined {
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) this.#octets -= chunk.length;
    return chunk;
  }
}
