import { type PeerCertificate, TlsError } from '../errors.ts';
import { Connection } from '../net/connection.ts';
import { IDLE_TIMEOUT_MS } from '../net/options.ts';
import type { TlsInfo } from '../net/tls.ts';
import type { Credentials } from '../sasl/index.ts';
import { transactionArguments } from './arguments.ts';
import { type Capabilities, type Limits, readCapabilities, readLimits } from './capabilities.ts';
import { deliver, type Receipt } from './deliver.ts';
import { Dialogue } from './dialogue.ts';
import { checkEhloName, defaultEhloName } from './ehlo-name.ts';
import { checkEnvelope, type Envelope, type Message } from './envelope.ts';
import type { SendOptions, SmtpOptions, SmtpTimings } from './options.ts';
import { type Prepared, prepare } from './prepare.ts';
import type { SmtpReply } from './reply.ts';
import type { Letter } from './row.ts';

/** A server that answers this fast is on this machine or in this house. */
const NEAR_MS = 5;
/** The message is safe with the server before QUIT: its reply is not worth a longer wait. */
const QUIT_PATIENCE_MS = 2_000;

/** A connection to an SMTP server, ready to send. Any failure but a `RejectedError` that says otherwise has closed it. */
export class SmtpClient implements AsyncDisposable {
  readonly #options: SmtpOptions;
  readonly #connection: Connection;
  readonly #dialogue: Dialogue;
  #capabilities: Capabilities = new Map();
  #plainCapabilities: Capabilities | undefined;
  #greeting = '';
  #mechanism: string | undefined;
  #timings: { -readonly [K in keyof SmtpTimings]: SmtpTimings[K] } = {};

  private constructor(connection: Connection, options: SmtpOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#dialogue = new Dialogue(connection, options.protocol ?? 'smtp', options.idleTimeoutMs);
  }

  /** Dials, greets, puts TLS on and logs in, as `options` say; the client is ready for `send`. */
  static async connect(options: SmtpOptions): Promise<SmtpClient> {
    checkEhloName(options.ehlo);
    const { password, token } = options.credentials ?? {};
    if (password !== undefined) options.transcript?.hide(password);
    if (token !== undefined) options.transcript?.hide(token);
    const started = performance.now();
    const client = new SmtpClient(await Connection.dial(options), options);
    try {
      client.#timings.connect = performance.now() - started;
      await client.#greet();
      if (options.security === 'starttls') await client.#startTls();
      if (options.credentials !== undefined && options.mechanism !== 'none')
        await client.#logIn(options.credentials);
      return client;
    } catch (error) {
      client.close();
      throw error;
    }
  }

  /** What EHLO offers now; empty for a server that knows HELO only. */
  get capabilities(): Capabilities {
    return this.#capabilities;
  }

  /** What the server says it takes at most (LIMITS, RFC 9422). */
  get limits(): Limits {
    return readLimits(this.#capabilities);
  }

  /** How many more transactions this session may have: 0 means that another message needs another connection. */
  get transactionsLeft(): number {
    return Math.max(0, this.limits.mailMax - this.#dialogue.transactions);
  }

  /** What EHLO offered before STARTTLS, where that took place. */
  get plainCapabilities(): Capabilities | undefined {
    return this.#plainCapabilities;
  }

  get greeting(): string {
    return this.#greeting;
  }

  get tls(): TlsInfo | undefined {
    return this.#connection.tls;
  }

  /** The server's certificate and its issuers, as far as they are known; empty without TLS, and once it is closed. */
  get certificateChain(): readonly PeerCertificate[] {
    return this.#connection.certificateChain;
  }

  /** The SASL mechanism that logged in; absent: none did. */
  get mechanism(): string | undefined {
    return this.#mechanism;
  }

  get timingsMs(): SmtpTimings {
    return this.#timings;
  }

  /**
   * One message, in one mail transaction (RFC 5321 3.3), or in several where the server takes fewer recipients at a time
   * and the message can be iterated again. Resolves once the server has taken it for at least one recipient. An error with
   * `delivery: 'in-doubt'` means that its end left and no reply came: it may have been delivered. The error's `recipients`
   * say to whom, and who had it, or was refused, before.
   */
  async send(envelope: Envelope, message: Message, options: SendOptions = {}): Promise<Receipt> {
    const { task, recipients, limits } = await this.#prepare(envelope, message, options);
    const started = performance.now();
    const receipt = await deliver(this.#dialogue, task, recipients, limits);
    this.#timings.data = performance.now() - started;
    return receipt;
  }

  /**
   * Sends the messages that `next` gives, one after another, until it gives none or the connection is over. Each is told
   * its own fate. Gives back what was taken from `next` and did not go out.
   */
  async sendRow<T extends Letter>(next: () => T | undefined): Promise<readonly T[]> {
    const { sendRow } = await import('./row.ts');
    return await sendRow(
      this.#dialogue,
      ({ envelope, message, options }) => this.#prepare(envelope, message, options ?? {}),
      next,
    );
  }

  #prepare(envelope: Envelope, message: Message, options: SendOptions): Promise<Prepared> {
    const idleMs = this.#options.idleTimeoutMs ?? IDLE_TIMEOUT_MS;
    return prepare(this.#capabilities, this.limits, envelope, message, options, idleMs);
  }

  /** Takes back a transaction that was begun. */
  async rset(): Promise<void> {
    await this.#dialogue.ask({ verb: 'RSET' });
  }

  async noop(): Promise<void> {
    await this.#dialogue.ask({ verb: 'NOOP' });
  }

  /** Asks for a mailbox, or a user's name. Gives the reply, also a no; `UnsupportedError` where there is no VRFY. */
  async vrfy(name: string): Promise<SmtpReply> {
    const { inquire } = await import('./inquiry.ts');
    return await inquire(this.#dialogue, 'VRFY', name, this.#capabilities);
  }

  /** Asks who is on a list: a member on each line. Like `vrfy`. */
  async expn(list: string): Promise<SmtpReply> {
    const { inquire } = await import('./inquiry.ts');
    return await inquire(this.#dialogue, 'EXPN', list, this.#capabilities);
  }

  /** The server's help (RFC 5321 4.1.1.8). */
  async help(topic?: string): Promise<SmtpReply> {
    return (await this.#dialogue.ask({ verb: 'HELP', argument: topic })).reply;
  }

  /** Asks for each recipient in a transaction that is taken back (MAIL, RCPT, RSET): the replies, also a no, by path. */
  async tryRecipients(envelope: Envelope): Promise<ReadonlyMap<string, SmtpReply>> {
    checkEnvelope(envelope);
    const { mail, recipients } = transactionArguments(this.#capabilities, envelope, {}, {}, false);
    if (this.#dialogue.isOpen) await this.rset();
    const { tryRecipients } = await import('./inquiry.ts');
    const replies = await tryRecipients(
      this.#dialogue,
      mail,
      recipients.map(({ argument }) => argument),
    );
    return new Map(replies.map((reply, index) => [envelope.recipients[index] as string, reply]));
  }

  /**
   * Sends one command as it was typed, and gives the reply, also a no. `UsageError` for what is more than a command: AUTH,
   * STARTTLS, DATA, BDAT, several lines. QUIT ends the session.
   */
  async raw(line: string): Promise<SmtpReply> {
    const { rawKeyword } = await import('./raw.ts');
    const isQuit = rawKeyword(line) === 'QUIT';
    // What was said unasked must not pass for the answer to this.
    if (this.#connection.hasLine()) throw this.#dialogue.refusal(await this.#dialogue.receive());
    const { reply } = await this.#dialogue.exchange(
      isQuit ? { verb: 'QUIT' } : { verb: 'RAW', argument: line },
    );
    if (isQuit || reply.code === 421) this.close();
    return reply;
  }

  /** Says goodbye and closes. Never fails: what was accepted before is accepted. */
  async quit(): Promise<void> {
    try {
      await this.#dialogue.exchange({ verb: 'QUIT' }, QUIT_PATIENCE_MS);
    } catch {
      // Closed already, or in the middle of something, or a server that does not say goodbye: nothing depends on it.
    } finally {
      this.close();
    }
  }

  /** Whether the connection is over, closed here or there. */
  get isClosed(): boolean {
    return this.#connection.isOver;
  }

  /** Closes at once, without QUIT. */
  close(): void {
    this.#connection.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.quit();
  }

  async #greet(): Promise<void> {
    const greeting = await this.#dialogue.receive();
    if (!greeting.ok) throw this.#dialogue.refusal(greeting);
    this.#greeting = greeting.reply.lines.join(' ');
    await this.#hello();
  }

  async #hello(): Promise<void> {
    const name = this.#options.ehlo ?? defaultEhloName(this.#connection.localAddress);
    const lmtp = this.#options.protocol === 'lmtp';
    const ehlo = await this.#dialogue.exchange({ verb: lmtp ? 'LHLO' : 'EHLO', argument: name });
    if (ehlo.ok) {
      this.#capabilities = readCapabilities(ehlo.reply.lines);
      this.#dialogue.pipelining = this.#capabilities.has('PIPELINING');
      return;
    }
    const { code } = ehlo.reply;
    // Only a server that does not know the command is asked the old way; without EHLO there is neither TLS nor a log-in.
    if (lmtp || (code !== 500 && code !== 502)) throw this.#dialogue.refusal(ehlo);
    await this.#dialogue.ask({ verb: 'HELO', argument: name });
    this.#capabilities = new Map();
  }

  async #startTls(): Promise<void> {
    if (!this.#capabilities.has('STARTTLS')) {
      throw new TlsError(`${this.#connection.host} does not offer STARTTLS, and TLS is required`, {
        hint: 'use the port for implicit TLS (465); or, where nobody can listen in, --smtp-tls none',
      });
    }
    const started = performance.now();
    const answer = await this.#dialogue.exchange({ verb: 'STARTTLS' });
    const roundTripMs = performance.now() - started;
    if (!answer.ok) {
      const refusal = this.#dialogue.refusal(answer);
      throw new TlsError(`no TLS: ${refusal.message}`, {
        cause: refusal,
        reply: refusal.reply,
        retryable: refusal.retryable,
      });
    }
    await this.#connection.secure(this.#options.idleTimeoutMs ?? IDLE_TIMEOUT_MS);
    this.#timings.tls = performance.now() - started;
    this.#plainCapabilities = this.#capabilities;
    this.#capabilities = new Map();
    this.#dialogue.restart();
    // Behind its session tickets a server's next reply waits for their acknowledgement (Nagle), which takes the kernel here
    // 40 ms unless something leaves anyway. The tickets of a near server are here in a moment: EHLO then acknowledges them.
    if (roundTripMs < NEAR_MS) await new Promise((resolve) => setTimeout(resolve, roundTripMs + 1));
    await this.#hello();
  }

  async #logIn(credentials: Credentials): Promise<void> {
    const started = performance.now();
    const { logIn, withoutSecrets } = await import('./authentication.ts');
    const careful = withoutSecrets(credentials);
    this.#mechanism = await logIn(
      async (command) => {
        const exchange = careful(await this.#dialogue.exchange(command));
        if (exchange.reply.code === 421) throw this.#dialogue.refusal(exchange);
        return exchange.reply;
      },
      this.#capabilities,
      credentials,
      this.#options.mechanism,
      { tls: this.tls !== undefined, allowCleartext: this.#options.allowCleartextAuth === true },
      this.#connection,
    );
    this.#timings.auth = performance.now() - started;
  }
}
