/** Command lines, pulled from a socket one at a time, so that a client that does not read its replies is not read either. */
import type { Socket } from 'node:net';

/** What came: a line (without its ending), one that was too long (skipped), silence, or the end. */
export type Incoming =
  | { readonly kind: 'line'; readonly bytes: Buffer; readonly ending: 'CRLF' | 'LF' }
  | { readonly kind: 'too-long' | 'silence' | 'end' };

const LF = 0x0a;
const CR = 0x0d;
/** How much of a line that is too long is skipped before the connection counts as lost. */
const SKIP_LIMIT = 1_048_576;
const NOTHING = Buffer.alloc(0);

export class CommandReader {
  readonly #socket: Socket;
  #buffer: Buffer = NOTHING;
  #ended = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    const end = (): void => {
      this.#ended = true;
    };
    socket.once('end', end).once('close', end);
  }

  /** Whether anything is there that no call of `next` has taken yet. */
  get pending(): boolean {
    return this.#buffer.length > 0 || this.#socket.readableLength > 0;
  }

  /** The next line of at most `limit` octets, its ending included. A slow drip does not prolong `timeoutMs`. */
  async next(limit: number, timeoutMs: number): Promise<Incoming> {
    const until = performance.now() + timeoutMs;
    let skipped = 0;
    for (;;) {
      const end = this.#buffer.indexOf(LF);
      if (end !== -1) {
        const line = this.#buffer.subarray(0, end);
        this.#buffer = this.#buffer.subarray(end + 1);
        if (skipped > 0 || end + 1 > limit) return { kind: 'too-long' };
        const crlf = line.at(-1) === CR;
        return { kind: 'line', bytes: crlf ? line.subarray(0, -1) : line, ending: crlf ? 'CRLF' : 'LF' };
      }
      if (this.#buffer.length > limit) {
        skipped += this.#buffer.length;
        this.#buffer = NOTHING;
        if (skipped > SKIP_LIMIT) return { kind: 'end' };
      }
      const chunk = this.#socket.read() as Buffer | null;
      if (chunk !== null) {
        this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
        continue;
      }
      if (this.#ended || this.#socket.destroyed) return { kind: 'end' };
      const left = until - performance.now();
      if (left <= 0) return { kind: 'silence' };
      await this.#somethingHappens(left);
    }
  }

  #somethingHappens(timeoutMs: number): Promise<void> {
    const socket = this.#socket;
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        for (const event of ['readable', 'end', 'close']) socket.off(event, done);
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      for (const event of ['readable', 'end', 'close']) socket.on(event, done);
    });
  }
}
