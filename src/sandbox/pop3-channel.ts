/** What a POP3 session reads from and writes to: one socket, perhaps under TLS, and the faults that hit a reply. */
import type { Socket } from 'node:net';
import { type SecureContext, TLSSocket } from 'node:tls';
import { CommandReader, type Incoming } from './command-reader.ts';

/** Ends a session at once. */
export class HangUp extends Error {}

/** How long a closed connection may take to end on the other side. */
const LINGER_MS = 500;

export class Pop3Channel {
  /** `lose`: hang up instead of the next reply. `cut`: hang up in the middle of it. */
  damage: 'lose' | 'cut' | undefined;
  readonly #timeoutMs: number;
  #socket: Socket;
  #reader: CommandReader;
  #left: number | undefined;

  constructor(socket: Socket, timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
    this.#socket = socket;
    this.#reader = new CommandReader(socket);
    socket.on('error', ignore);
  }

  next(limit: number): Promise<Incoming> {
    return this.#reader.next(limit, this.#timeoutMs);
  }

  /** Whether the client has sent more than was asked of it so far. */
  get pending(): boolean {
    return this.#reader.pending;
  }

  /** A reply of one line, or the status line of a refusal. */
  async reply(line: string): Promise<void> {
    const bytes = Buffer.from(`${line}\r\n`, 'latin1');
    await this.send(bytes, bytes.length);
  }

  /** A multi-line reply of lines that do not begin with a dot. */
  async lines(status: string, lines: readonly string[]): Promise<void> {
    const bytes = Buffer.from([status, ...lines, '.', ''].join('\r\n'), 'latin1');
    await this.send(bytes, bytes.length);
  }

  /**
   * Writes, and waits while the client does not read. `whole` is the length of the reply that `bytes` are a part of.
   * Throws HangUp when the connection is gone, and where the damage is done.
   */
  async send(bytes: Buffer, whole: number): Promise<void> {
    if (this.damage === 'lose') throw new HangUp();
    if (this.damage === 'cut') {
      const left = this.#left ?? Math.floor(whole / 2);
      this.#left = left - bytes.length;
      await this.#write(bytes.subarray(0, left));
      if (bytes.length >= left) throw new HangUp();
      return;
    }
    await this.#write(bytes);
  }

  /** TLS from here on, this side as the server. */
  async secure(context: SecureContext): Promise<void> {
    const socket = new TLSSocket(this.#socket, { isServer: true, secureContext: context });
    socket.on('error', ignore);
    this.#socket = socket;
    await this.#until(socket, 'secure', this.#timeoutMs);
    this.#reader = new CommandReader(socket);
  }

  /** Waits; throws HangUp when the client leaves meanwhile. */
  async pause(milliseconds: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#socket.off('close', done);
        resolve();
      };
      const timer = setTimeout(done, Math.min(milliseconds, 2 ** 31 - 1));
      this.#socket.on('close', done);
    });
    if (this.#socket.destroyed) throw new HangUp();
  }

  /** Ends the connection; what has been written still arrives. */
  hangUp(): void {
    const socket = this.#socket;
    if (socket.destroyed) return;
    const timer = setTimeout(() => socket.destroy(), LINGER_MS);
    socket.once('close', () => clearTimeout(timer));
    socket.end();
    // Unread bytes would turn the end into a reset, which may overtake the last reply.
    socket.resume();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  async #write(bytes: Buffer): Promise<void> {
    if (this.#socket.destroyed || !this.#socket.writable) throw new HangUp();
    if (!this.#socket.write(bytes)) await this.#until(this.#socket, 'drain', this.#timeoutMs);
  }

  /** Waits for one event; HangUp when the socket closes or the time is up before it. */
  #until(socket: Socket, event: 'drain' | 'secure', timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer);
        socket.off(event, arrived).off('close', gone);
      };
      const arrived = (): void => {
        settle();
        resolve();
      };
      const gone = (): void => {
        settle();
        reject(new HangUp());
      };
      const timer = setTimeout(gone, timeoutMs);
      socket.on(event, arrived).on('close', gone);
    });
  }
}

/** A connection that breaks is seen as one that closes. */
function ignore(): void {}
