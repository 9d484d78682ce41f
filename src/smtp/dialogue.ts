import { type MailError, UsageError } from '../errors.ts';
import type { Connection, OutgoingLine } from '../net/connection.ts';
import { Deadline } from '../net/deadline.ts';
import { withoutChallenge } from '../net/redacted.ts';
import { rejected } from './failures.ts';
import {
  type Command,
  type Exchange,
  type MailProtocol,
  SmtpSession,
  type State,
  VERBS,
  type Verb,
} from './session.ts';

/** So many commands may wait for their replies: neither side's buffers can then block the other (RFC 2920 3.1). */
export const WINDOW = 100;

/** A session on its connection: commands go out, exchanges come back, and every failure of either closes both. */
export class Dialogue {
  readonly connection: Connection;
  readonly #patienceMs: number | undefined;
  readonly protocol: MailProtocol;
  #session: SmtpSession;
  /** Whether commands may go out in groups: what EHLO said of PIPELINING. */
  pipelining = false;

  constructor(connection: Connection, protocol: MailProtocol, patienceMs: number | undefined) {
    this.connection = connection;
    this.protocol = protocol;
    this.#session = new SmtpSession('opening', protocol);
    this.#patienceMs = patienceMs;
    connection.farewell = () => this.#farewell();
  }

  get state(): State {
    return this.#session.state;
  }

  /** How many replies are due. */
  get waiting(): number {
    return this.#session.waiting;
  }

  /** How many transactions the server has begun in this session. */
  get transactions(): number {
    return this.#session.transactions;
  }

  /** Whether a transaction has begun that only RSET can end. */
  get isOpen(): boolean {
    return this.state === 'mail' || this.state === 'rcpt' || this.state === 'chunk';
  }

  /** Begins anew after STARTTLS: what came before could have come from anybody (RFC 3207 4.2). */
  restart(): void {
    this.#session = new SmtpSession('greeted', this.protocol);
    this.pipelining = false;
  }

  /**
   * Sends commands, in groups where the server takes them, one by one where not, and reads a reply for every command that
   * was written. Stops after a MAIL that was refused and after 421; the answers are then fewer.
   */
  async group(commands: readonly Command[]): Promise<Exchange[]> {
    const size = this.pipelining ? WINDOW : 1;
    const exchanges: Exchange[] = [];
    for (let at = 0; at < commands.length; at += size) {
      const group = commands.slice(at, at + size);
      await this.#heed(group[0]?.verb);
      this.connection.writeLines(group.map((command) => this.#session.send(command)));
      exchanges.push(...(await this.answers(group.length)));
      const last = exchanges.at(-1);
      if (last?.reply.code === 421 || exchanges.some(({ verb, ok }) => verb === 'MAIL' && !ok)) break;
    }
    return exchanges;
  }

  /** The replies to `count` commands that were written; none behind 421. */
  async answers(count: number): Promise<Exchange[]> {
    const exchanges: Exchange[] = [];
    while (exchanges.length < count) {
      const exchange = this.#arrived() ?? (await this.receive());
      exchanges.push(exchange);
      if (exchange.reply.code === 421) break;
    }
    return exchanges;
  }

  /** One command and its exchange, refused or not. */
  async exchange(command: Command, patienceMs?: number): Promise<Exchange> {
    await this.#heed(command.verb);
    this.connection.writeLines([this.#session.send(command)]);
    return this.receive(patienceMs);
  }

  /** A command whose refusal is an error. */
  async ask(command: Command): Promise<Exchange> {
    const exchange = await this.exchange(command);
    if (!exchange.ok) throw this.refusal(exchange);
    return exchange;
  }

  /**
   * What was said while nothing was asked must not pass for the answer to `next`: it is a `ProtocolError`, or the 421 with
   * which the server takes its leave.
   */
  async #heed(next: Verb | undefined): Promise<void> {
    if (this.waiting > 0 || !this.connection.hasLine()) return;
    const said = await this.receive();
    throw this.refusal({ ...said, verb: next ?? said.verb });
  }

  /** QUIT, where it may be said now: never as a line of a message or of a log-in, nor while a server wants to be waited for. */
  #farewell(): OutgoingLine | undefined {
    const possible = (this.waiting === 0 || this.pipelining) && this.#session.allows('QUIT');
    return possible ? { line: 'QUIT\r\n', shown: 'QUIT' } : undefined;
  }

  /** The end of the data, for the session; the caller writes it behind the last octets. */
  end(): void {
    this.#session.send({ verb: 'END' });
  }

  /** A line for the caller to write, together with the octets that belong to it. */
  line(command: Command): string {
    const { line, shown } = this.#session.send(command);
    this.connection.note(shown, 'C');
    return line;
  }

  /** The next reply, within one deadline for all its lines. */
  async receive(patienceMs?: number): Promise<Exchange> {
    const { seconds, stage } = VERBS[this.#session.due ?? 'NOOP'];
    const deadline = Deadline.after(patienceMs ?? this.#patienceMs ?? seconds * 1000);
    try {
      for (;;) {
        const { bytes } = await this.connection.readLine(deadline.remainingMs, stage, this.#shown);
        const exchange = this.#heard(bytes) ?? this.#arrived();
        if (exchange !== undefined) return exchange;
      }
    } catch (error) {
      this.connection.close();
      throw error;
    }
  }

  /** The next reply, if all of it has arrived. What is none closes the connection. */
  #arrived(): Exchange | undefined {
    try {
      for (;;) {
        const line = this.connection.nextLine(this.#shown);
        if (line === undefined) return undefined;
        const exchange = this.#heard(line.bytes);
        if (exchange !== undefined) return exchange;
      }
    } catch (error) {
      this.connection.close();
      throw error;
    }
  }

  /** A line, for the session. A server that hears nothing more is left at once, whoever asks for what it said. */
  #heard(line: Uint8Array): Exchange | undefined {
    const exchange = this.#session.receive(line);
    if (exchange !== undefined && (exchange.reply.code === 421 || exchange.early)) this.connection.close();
    return exchange;
  }

  /** What the transcript makes of a line: a challenge is not for everybody's eyes. */
  get #shown(): ((text: string) => string) | undefined {
    return VERBS[this.#session.due ?? 'NOOP'].stage === 'auth' ? withoutChallenge : undefined;
  }

  /** A refused exchange as an error; one after which the server hears nothing more closes the connection. */
  refusal(exchange: Exchange | undefined): MailError {
    if (exchange === undefined) return new UsageError('nothing was asked');
    if (exchange.reply.code === 421 || exchange.early) this.connection.close();
    return rejected(exchange);
  }
}
