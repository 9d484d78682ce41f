import type { Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import { Unstuffer } from '../codec/dots.ts';
import type { Line } from '../codec/lines.ts';
import {
  ConnectionError,
  type MailError,
  type PeerCertificate,
  type Stage,
  TimeoutError,
  TlsError,
} from '../errors.ts';
import type { ChannelBinding } from './channel-binding.ts';
import { Deadline, within } from './deadline.ts';
import { dial, interrupted, timedOut, where } from './dial.ts';
import { HIGH_WATER, Inbox } from './inbox.ts';
import { CONNECT_TIMEOUT_MS, type DialOptions } from './options.ts';
import { wording } from './system-error.ts';
import type { Handshake, TlsInfo, TlsOptions } from './tls.ts';

/** A body that moves slower than this for a minute has stalled, however often a byte drips in. */
const SLOWEST_OCTETS = 6_000;
const SLOWEST_SPAN_MS = 60_000;

/** A line to write: `shown` is what the transcript gets, never with a secret in it. */
export interface OutgoingLine {
  /** With its CRLF. */
  readonly line: string;
  readonly shown: string;
}

/**
 * The one place that touches a socket: lines and dot-blocks in, lines and bytes out. It knows nothing of mail. Every wait
 * has a deadline, everything that is kept has a bound, and what the server said is always read before a broken socket is
 * reported.
 */
export class Connection {
  readonly #options: DialOptions;
  readonly #context: SecureContext | undefined;
  readonly #inbox: Inbox;
  #socket: Socket;
  /** Why the connection is over, told in terms of the step that finds out. */
  #failure: ((stage: Stage | undefined) => MailError) | undefined;
  #wake: (() => void) | undefined;
  #roomy: (() => void) | undefined;
  #tls: TlsInfo | undefined;
  #binding: Handshake['binding'] | undefined;
  #chain: Handshake['chain'] | undefined;
  #lineEnding: Line['ending'] | undefined;
  /** The line with which to leave when the signal comes, where one is possible: nobody waits for what is said to it. */
  farewell: (() => OutgoingLine | undefined) | undefined;
  readonly #abort = () => {
    const line = this.farewell?.();
    if (line !== undefined) this.writeLines([line]);
    this.#failSoon(interrupted);
  };

  private constructor(
    options: DialOptions,
    socket: Socket,
    inbox: Inbox,
    context: SecureContext | undefined,
  ) {
    this.#inbox = inbox;
    this.#options = options;
    this.#context = context;
    this.#socket = socket;
    options.signal?.addEventListener('abort', this.#abort, { once: true });
    this.#listen(socket);
  }

  /** Connects, and with implicit TLS shakes hands, within `connectTimeoutMs`. */
  static async dial(options: DialOptions): Promise<Connection> {
    const deadline = Deadline.after(options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS).orEarlier(
      options.deadline,
    );
    let context: SecureContext | undefined;
    const inbox = new Inbox();
    let connection: Connection | undefined;
    const socket = await dial(
      options,
      deadline,
      async () => {
        if (options.security === 'none') return;
        const { tlsContext } = await import('./tls.ts');
        context = tlsContext(options.tls ?? {});
      },
      (chunk) => {
        const readsOn = inbox.take(chunk); // a greeting may be there before the rest is
        if (connection !== undefined) connection.#wake?.();
        return readsOn;
      },
    );
    connection = new Connection(options, socket, inbox, context);
    options.transcript?.note(
      '*',
      `connected to ${where(options)} (${socket.remoteAddress ?? 'this machine'})`,
      false,
    );
    if (options.security === 'implicit') await connection.secure(deadline.remainingMs);
    return connection;
  }

  /** What protects the connection; absent while nothing does. */
  get tls(): TlsInfo | undefined {
    return this.#tls;
  }

  get host(): string {
    return this.#options.host;
  }

  get port(): number {
    return this.#options.port;
  }

  /** What ties a log-in to this TLS connection; absent without TLS. */
  get channelBinding(): ChannelBinding | undefined {
    return this.#binding?.();
  }

  /** The server's certificate and its issuers, as far as they are known; empty without TLS, and once it is closed. */
  get certificateChain(): readonly PeerCertificate[] {
    return this.#chain?.() ?? [];
  }

  /** This end's address, as the server would call it. */
  get localAddress(): string | undefined {
    return this.#socket.localAddress;
  }

  /** The ending of the first line the server sent: what ends its blocks. */
  get lineEnding(): Line['ending'] {
    return this.#lineEnding ?? 'CRLF';
  }

  /**
   * The next line, within `timeoutMs`, however slowly it drips in. `stage` names what waits, for the error; `shown` is what
   * the transcript makes of the line.
   */
  async readLine(
    timeoutMs: number,
    stage?: Stage,
    shown: (text: string) => string = (text) => text,
  ): Promise<Line> {
    let deadline: Deadline | undefined;
    for (;;) {
      const line = this.#nextLine();
      if (line !== undefined) {
        this.#lineEnding ??= line.ending;
        this.#options.transcript?.note('S', shown(line.bytes.toString('utf8')), this.#tls !== undefined);
        return line;
      }
      deadline ??= this.#until(timeoutMs);
      await this.#arrival(deadline, 'read the reply', stage);
    }
  }

  /** Whether a line waits to be read, without waiting for one. */
  hasLine(): boolean {
    return this.#inbox.hasLine();
  }

  /**
   * The text of a multi-line answer, unstuffed, without the dot that ends it. A chunk is only good until the next is asked
   * for. The end of the connection before that dot is a failure, whatever came; a reader that leaves early closes the
   * connection, so that half a block is never taken for replies.
   */
  async *readBlock(idleMs: number, stage?: Stage): AsyncGenerator<Buffer, void, void> {
    const unstuffer = new Unstuffer(this.lineEnding);
    let octets = 0;
    let whole = false;
    let window = { since: performance.now(), octets: 0 };
    try {
      for (;;) {
        const chunk = this.#inbox.bytes();
        if (chunk === undefined) {
          await this.#arrival(this.#until(idleMs), 'read the rest of a message', stage);
          if (performance.now() - window.since > SLOWEST_SPAN_MS) {
            if (octets - window.octets < SLOWEST_OCTETS) throw this.#stalled(stage);
            window = { since: performance.now(), octets };
          }
          continue;
        }
        octets += chunk.length;
        const { bytes, rest } = unstuffer.push(chunk);
        if (rest !== undefined) {
          this.#inbox.unread(rest);
          whole = true;
          this.#options.transcript?.note(
            '*',
            `${octets - rest.length} octets, and the dot that ends them`,
            this.#tls !== undefined,
          );
        }
        if (bytes.length > 0) yield Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
        if (whole) return;
      }
    } finally {
      if (!whole) {
        this.#inbox.clear(); // the rest of a message is nobody's reply
        this.close();
      }
    }
  }

  /** Writes lines as one group. What goes wrong with it is told by the read that follows, after the server's last words. */
  writeLines(lines: readonly OutgoingLine[]): void {
    for (const { shown } of lines) this.#options.transcript?.note('C', shown, this.#tls !== undefined);
    if (this.#failure === undefined) this.#socket.write(lines.map(({ line }) => line).join(''), 'utf8');
  }

  /**
   * Writes bytes of a body; resolves when they have left for the network, and their memory may be used again. As long as
   * it has not resolved, the server cannot have got them whole. With `heeding` it resolves as well when the server has a line
   * to read, which is then the caller's next step: it may not listen any more.
   */
  async write(bytes: Uint8Array, idleMs: number, stage?: Stage, heeding = false): Promise<void> {
    this.check(stage);
    let left = false;
    this.#socket.write(bytes, (error) => {
      left = error === undefined || error === null;
      this.#roomy?.();
    });
    while (!left && !(heeding && this.hasLine())) {
      this.#readOn(); // a server may answer before it has heard all
      await this.#room(idleMs, stage, heeding);
    }
  }

  /** Throws why the connection is over, if it is. */
  check(stage?: Stage): void {
    if (this.#failure !== undefined) throw this.#failure(stage);
  }

  /** Whether nothing more can be written. */
  get isOver(): boolean {
    return this.#failure !== undefined;
  }

  /**
   * Puts TLS over the connection. A single byte that came before it, or comes with the reply that allows it, was sent by
   * nobody who can be trusted (RFC 3207 6): it is an error, not something to drop.
   */
  async secure(timeoutMs: number, options: TlsOptions = this.#options.tls ?? {}): Promise<void> {
    const { handshake, tlsContext } = await import('./tls.ts');
    // From this check to the handshake nothing is awaited, so nothing can slip in between.
    const early = this.#inbox.size + this.#socket.readableLength;
    if (early > 0) {
      this.close();
      throw new TlsError(`${early} bytes arrived in plain text before the TLS handshake`, {
        hint: 'somebody between here and the server may be tampering with the connection',
      });
    }
    const plain = this.#socket;
    this.#deafen(plain);
    plain.on('error', () => {}); // the TLS socket on top reports it
    const context = this.#context ?? tlsContext(options);
    const { secured, done, binding, chain } = handshake(plain, this.#options.host, options, context);
    this.#binding = binding;
    this.#chain = chain;
    this.#socket = secured;
    const deadline = this.#until(timeoutMs);
    try {
      this.#tls = await within(
        done,
        { deadline, signal: this.#options.signal },
        () => timedOut('finish the TLS handshake', deadline, this, 'tls', TLS_SILENCE),
        interrupted,
      );
    } catch (error) {
      secured.on('error', () => {});
      this.close();
      throw error;
    }
    secured.removeAllListeners('error');
    secured.removeAllListeners('close');
    this.#listen(secured);
    this.#options.transcript?.note('*', `${this.#tls.version} ${this.#tls.cipher}`, true);
  }

  note(text: string, direction: 'C' | '*' = '*'): void {
    this.#options.transcript?.note(direction, text, this.#tls !== undefined);
  }

  /** Closes at once. What was already read can still be taken; whatever waits, or comes to wait, fails. */
  close(): void {
    this.#options.signal?.removeEventListener('abort', this.#abort);
    this.#fail(this.#over('the connection has been closed', undefined));
  }

  #peer() {
    return { host: this.#options.host, port: this.#options.port };
  }

  #listen(socket: Socket): void {
    socket.on('data', (chunk: Buffer) => {
      this.#inbox.add(chunk, false);
      if (this.#inbox.size > HIGH_WATER) {
        socket.pause();
      }
      this.#wake?.();
    });
    socket.on('end', () => this.#failSoon(this.#lost('the server closed the connection', undefined)));
    socket.on('error', (cause) => this.#fail(this.#lost(wording(cause), cause)));
    socket.on('close', () => this.#fail(this.#lost('the server closed the connection', undefined)));
  }

  #readOn(): void {
    if (this.#inbox.mayReadOn(this.#socket.isPaused())) this.#socket.resume();
  }

  #deafen(socket: Socket): void {
    for (const event of ['data', 'end', 'error', 'close']) socket.removeAllListeners(event);
  }

  #lost(what: string, cause: unknown): (stage: Stage | undefined) => ConnectionError {
    return this.#over(`lost the connection to ${where(this.#options)}: ${what}`, cause);
  }

  #over(message: string, cause: unknown): (stage: Stage | undefined) => ConnectionError {
    return (stage) =>
      new ConnectionError(
        message,
        { phase: 'established', ...this.#peer() },
        stage === undefined ? { cause } : { cause, stage },
      );
  }

  #stalled(stage: Stage | undefined): TimeoutError {
    return new TimeoutError(
      `${where(this.#options)} sends less than ${SLOWEST_OCTETS / (SLOWEST_SPAN_MS / 1000)} octets a second`,
      { phase: 'established', ...this.#peer() },
      stage === undefined ? {} : { stage },
    );
  }

  #fail(failure: (stage: Stage | undefined) => MailError): void {
    if (this.#failure !== undefined) return;
    this.#failure = failure;
    this.#socket.destroy();
    this.#wake?.();
    this.#roomy?.();
  }

  /** Fails, but not before the news that what is being written has left, which may be under way (TLS brings it a turn late). */
  #failSoon(failure: (stage: Stage | undefined) => MailError): void {
    if (this.#roomy === undefined) this.#fail(failure);
    else setImmediate(() => this.#fail(failure));
  }

  #nextLine(): Line | undefined {
    try {
      return this.#inbox.line();
    } catch (error) {
      this.close(); // an endless line
      throw error;
    }
  }

  #until(timeoutMs: number): Deadline {
    return Deadline.after(timeoutMs).orEarlier(this.#options.deadline);
  }

  /** Resolves when there is something new to read; fails when there never will be, or when `deadline` has passed. */
  #arrival(deadline: Deadline, awaited: string, stage: Stage | undefined): Promise<void> {
    this.#readOn();
    return this.#wait(deadline, awaited, stage, (wake) => {
      this.#wake = wake;
      return !this.#inbox.isEmpty;
    });
  }

  /** Resolves when something written has left, or heard; fails when the connection has, whatever there is to read. */
  async #room(idleMs: number, stage: Stage | undefined, heeding: boolean): Promise<void> {
    await this.#wait(this.#until(idleMs), 'send on', stage, (wake) => {
      this.#roomy = wake;
      if (heeding) this.#wake = wake;
      return false;
    });
    if (this.#failure !== undefined) throw this.#failure(stage);
  }

  /** `subscribe` says where to be woken, and whether that has happened already. */
  #wait(
    deadline: Deadline,
    awaited: string,
    stage: Stage | undefined,
    subscribe: (wake: (() => void) | undefined) => boolean,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = () => {
        clearTimeout(timer);
        subscribe(undefined);
        if (this.#failure !== undefined && this.#inbox.isEmpty) reject(this.#failure(stage));
        else resolve();
      };
      const timer = setTimeout(
        () => this.#fail(() => timedOut(`${awaited} (${where(this.#options)})`, deadline, this, stage)),
        deadline.remainingMs,
      );
      if (subscribe(settle) || this.#failure !== undefined) settle();
    });
  }
}

const TLS_SILENCE = 'the server does not answer the handshake: the port may not speak TLS';
