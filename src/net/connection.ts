import type { Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import type { Line } from '../codec/lines.ts';
import { type ConnectionError, type PeerCertificate, type Stage, TimeoutError, TlsError } from '../errors.ts';
import { readBlock } from './block.ts';
import type { ChannelBinding } from './channel-binding.ts';
import { Deadline, within } from './deadline.ts';
import { dial } from './dial.ts';
import { interrupted, over, timedOut, where } from './failures.ts';
import { HIGH_WATER, Inbox } from './inbox.ts';
import { CONNECT_TIMEOUT_MS, type DialOptions } from './options.ts';
import { wording } from './system-error.ts';
import type { Handshake, TlsInfo, TlsOptions } from './tls.ts';
import { type Failure, type Wait, Waits } from './waits.ts';

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
  readonly #waits: Waits;
  #socket: Socket;
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
    this.#waits = new Waits(inbox);
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
    if (options.proxy?.password !== undefined) options.transcript?.hide(options.proxy.password);
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
        if (connection !== undefined) connection.#waits.arrived();
        return readsOn;
      },
    );
    connection = new Connection(options, socket, inbox, context);
    const via = options.proxy === undefined ? '' : ` through the ${options.proxy.scheme} proxy`;
    options.transcript?.note(
      '*',
      `connected to ${where(options)}${via} (${socket.remoteAddress ?? 'this machine'})`,
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
  async readLine(timeoutMs: number, stage?: Stage, shown?: (text: string) => string): Promise<Line> {
    let deadline: Deadline | undefined;
    for (;;) {
      const line = this.nextLine(shown);
      if (line !== undefined) return line;
      deadline ??= this.#until(timeoutMs);
      await this.#arrival(deadline, 'read the reply', stage);
    }
  }

  /** The next line if it has arrived. */
  nextLine(shown: (text: string) => string = (text) => text): Line | undefined {
    const line = this.#framedLine();
    if (line === undefined) return undefined;
    this.#lineEnding ??= line.ending;
    this.#options.transcript?.note('S', shown(line.bytes.toString('utf8')), this.#tls !== undefined);
    return line;
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
  readBlock(idleMs: number, stage?: Stage): AsyncGenerator<Buffer, void, void> {
    return readBlock({
      inbox: this.#inbox,
      lineEnding: this.lineEnding,
      arrival: (hint) => this.#arrival(this.#until(idleMs), 'read the rest of a message', stage, hint),
      stalled: (slowest) =>
        new TimeoutError(
          `${where(this.#options)} sends less than ${slowest} octets a second`,
          { phase: 'established', host: this.host, port: this.port },
          stage === undefined ? {} : { stage },
        ),
      ended: (octets) => this.note(`${octets} octets, and the dot that ends them`),
      abandoned: () => {
        this.#inbox.clear(); // the rest of a message is nobody's reply
        this.close();
      },
    });
  }

  /** Writes lines as one group. What goes wrong with it is told by the read that follows, after the server's last words. */
  writeLines(lines: readonly OutgoingLine[]): void {
    for (const { shown } of lines) this.#options.transcript?.note('C', shown, this.#tls !== undefined);
    if (this.#waits.failure === undefined) this.#socket.write(lines.map(({ line }) => line).join(''), 'utf8');
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
      this.#waits.left();
    });
    // What the kernel took at once needs no wait.
    if (this.#socket.writableLength === 0 && this.#socket.errored === null) return;
    while (!left && !(heeding && this.hasLine())) {
      this.#readOn(); // a server may answer before it has heard all
      await this.#waits.departure(this.#patience(this.#until(idleMs), 'send on', stage), heeding);
    }
  }

  /** Throws why the connection is over, if it is. */
  check(stage?: Stage): void {
    if (this.#waits.failure !== undefined) throw this.#waits.failure(stage);
  }

  /** Whether nothing more can be written. */
  get isOver(): boolean {
    return this.#waits.failure !== undefined;
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
    this.#fail((stage) => over('the connection has been closed', this.#options, stage));
  }

  #listen(socket: Socket): void {
    socket.on('data', (chunk: Buffer) => {
      this.#inbox.add(chunk, false);
      if (this.#inbox.size > HIGH_WATER) socket.pause();
      this.#waits.arrived();
    });
    socket.on('end', () => this.#failSoon(this.#lost('the server closed the connection')));
    socket.on('error', (cause) => this.#fail(this.#lost(wording(cause), cause)));
    socket.on('close', () => this.#fail(this.#lost('the server closed the connection')));
    if (socket.destroyed) this.#fail(this.#lost('the server closed the connection'));
  }

  #readOn(): void {
    if (this.#inbox.mayReadOn(this.#socket.isPaused())) this.#socket.resume();
  }

  #deafen(socket: Socket): void {
    for (const event of ['data', 'end', 'error', 'close']) socket.removeAllListeners(event);
  }

  #lost(what: string, cause?: unknown): (stage: Stage | undefined) => ConnectionError {
    const message = `lost the connection to ${where(this.#options)}: ${what}`;
    return (stage) => over(message, this.#options, stage, cause);
  }

  #fail(failure: Failure): void {
    if (this.#waits.end(failure)) this.#socket.destroy();
  }

  /** Fails, but not before the news that what is being written has left, which may be under way (TLS brings it a turn late). */
  #failSoon(failure: Failure): void {
    if (!this.#waits.hasWriter) this.#fail(failure);
    else setImmediate(() => this.#fail(failure));
  }

  #framedLine(): Line | undefined {
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

  #arrival(deadline: Deadline, awaited: string, stage: Stage | undefined, hint?: string): Promise<void> {
    this.#readOn();
    return this.#waits.arrival(this.#patience(deadline, awaited, stage, hint));
  }

  #patience(deadline: Deadline, awaited: string, stage: Stage | undefined, hint?: string): Wait {
    return {
      deadline,
      stage,
      late: () =>
        this.#fail(() => timedOut(`${awaited} (${where(this.#options)})`, deadline, this, stage, hint)),
    };
  }
}

const TLS_SILENCE = 'the server does not answer the handshake: the port may not speak TLS';
