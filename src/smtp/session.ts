import { ProtocolError, type Stage, UsageError } from '../errors.ts';
import { ReplyParser, type SmtpReply } from './reply.ts';

/** Where a session stands (RFC 5321 4.1.4). */
export type State =
  | 'opening'
  | 'greeted'
  | 'ready'
  | 'auth'
  | 'securing'
  | 'mail'
  | 'rcpt'
  | 'data'
  | 'chunk'
  | 'closed';

interface Rule {
  /** The states in which the command is legal. */
  readonly from: readonly State[];
  /** The state that success leads to: by any 2yz code, or by exactly these codes. Absent: it stays. */
  readonly to?: State | Readonly<Partial<Record<number, State>>>;
  /** The state after a refusal. Absent: it stays. */
  readonly refused?: State;
  /** Nothing may be written after it until its reply is there (RFC 2920 3.1, RFC 3207 4, RFC 4954 4). */
  readonly last?: true;
  /**
   * How long to wait for the reply. RFC 5321 4.5.3.2 asks relays for minutes everywhere; whoever runs a command wants to
   * know sooner, save after the end of the message, where giving up early risks a second copy.
   */
  readonly seconds: number;
  readonly stage: Stage;
}

/** LMTP (RFC 2033) is SMTP with another greeting, and a reply for each recipient after the message. */
export type MailProtocol = 'smtp' | 'lmtp';

/** The whole state machine. GREETING and END are no commands, but both are answered like one; LAST is BDAT with its last chunk. */
export const VERBS = {
  GREETING: { from: ['opening'], to: 'greeted', last: true, seconds: 60, stage: 'greeting' },
  EHLO: { from: ['greeted', 'ready'], to: 'ready', last: true, seconds: 60, stage: 'ehlo' },
  LHLO: { from: ['greeted', 'ready'], to: 'ready', last: true, seconds: 60, stage: 'ehlo' },
  HELO: { from: ['greeted', 'ready'], to: 'ready', last: true, seconds: 60, stage: 'ehlo' },
  STARTTLS: { from: ['ready'], to: 'securing', last: true, seconds: 60, stage: 'tls' },
  AUTH: { from: ['ready'], to: { 235: 'ready', 334: 'auth' }, last: true, seconds: 60, stage: 'auth' },
  RESPONSE: {
    from: ['auth'],
    to: { 235: 'ready', 334: 'auth' },
    refused: 'ready',
    last: true,
    seconds: 60,
    stage: 'auth',
  },
  MAIL: { from: ['ready'], to: 'mail', seconds: 60, stage: 'mail' },
  RCPT: { from: ['mail', 'rcpt'], to: 'rcpt', seconds: 60, stage: 'rcpt' },
  DATA: { from: ['rcpt'], to: { 354: 'data' }, last: true, seconds: 60, stage: 'data' },
  // Not the last of a group: the next transaction may leave behind it (RFC 2920 3.1).
  END: { from: ['data'], to: 'ready', refused: 'ready', seconds: 600, stage: 'eod' },
  // A refused chunk ends the transaction, as far as anything but RSET goes (RFC 3030 2).
  BDAT: { from: ['rcpt', 'chunk'], to: 'chunk', refused: 'rcpt', seconds: 180, stage: 'data' },
  LAST: { from: ['rcpt', 'chunk'], to: 'ready', refused: 'ready', seconds: 600, stage: 'eod' },
  RSET: { from: ['ready', 'mail', 'rcpt', 'chunk'], to: 'ready', seconds: 60, stage: 'rset' },
  NOOP: { from: ['greeted', 'ready', 'mail', 'rcpt'], last: true, seconds: 60, stage: 'noop' },
  // Possible at any time, also before EHLO (RFC 5321 4.1.4), and last in a group (RFC 2920 3.1).
  VRFY: { from: ['greeted', 'ready', 'mail', 'rcpt'], last: true, seconds: 60, stage: 'vrfy' },
  EXPN: { from: ['greeted', 'ready', 'mail', 'rcpt'], last: true, seconds: 60, stage: 'expn' },
  HELP: { from: ['greeted', 'ready', 'mail', 'rcpt'], last: true, seconds: 60, stage: 'help' },
  /** A line of the caller's own, which must not change how the dialogue goes on (see raw.ts). */
  RAW: { from: ['greeted', 'ready', 'mail', 'rcpt'], last: true, seconds: 60, stage: 'raw' },
  QUIT: { from: ['greeted', 'ready', 'mail', 'rcpt'], to: 'closed', last: true, seconds: 60, stage: 'quit' },
} as const satisfies Record<string, Rule>;

export type Verb = keyof typeof VERBS;

/** The longest command line, without CRLF: RFC 5321 4.5.3.1.4 has 512, and each extension adds to it. */
export const COMMAND_LIMIT = 2_048;
/** RFC 4954 4. */
export const AUTH_LINE_LIMIT = 12_288;

/** Stands for the command where a reply came without one. */
export const UNASKED = 'nothing';

/** A command as it goes out, and as the transcript may show it. */
export interface Command {
  readonly verb: Verb;
  readonly argument?: string | undefined;
  /** Stands for the argument where that is, or holds, a secret. */
  readonly shown?: string | undefined;
}

/** A reply, and what it answers: `early` when it came before the end of the data, 421 when nothing was asked. */
export interface Exchange {
  readonly verb: Verb;
  readonly command: string;
  readonly reply: SmtpReply;
  /** The reply is one that the table lets the session go on with. */
  readonly ok: boolean;
  readonly early: boolean;
}

/**
 * One SMTP session without its socket: says which line a command is and what a line means. `send` judges a command as if
 * every queued one will succeed, `receive` moves the state that is; so pipelining is no second way of doing things, but the
 * length of the queue.
 */
export class SmtpSession {
  readonly #parser = new ReplyParser();
  readonly #protocol: MailProtocol;
  readonly #queue: { readonly verb: Verb; readonly command: string }[] = [];
  #state: State;
  #ahead: State;
  /** The recipients that the transaction has so far. */
  #recipients = 0;
  #transactions = 0;

  /** `greeted` for the session that begins after STARTTLS: there is no second greeting (RFC 3207 4.2). */
  constructor(state: 'opening' | 'greeted' = 'opening', protocol: MailProtocol = 'smtp') {
    this.#protocol = protocol;
    this.#state = state;
    this.#ahead = state;
    if (state === 'opening') this.#queue.push({ verb: 'GREETING', command: 'the connection' });
  }

  get state(): State {
    return this.#state;
  }

  /** The verb whose reply is due, if any is. */
  get due(): Verb | undefined {
    return this.#queue[0]?.verb;
  }

  /** How many replies are due. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** How many transactions the server has begun. */
  get transactions(): number {
    return this.#transactions;
  }

  /** The line for a command, its CRLF included. `UsageError` where it is illegal here or cannot be written on one line. */
  send({ verb, argument, shown }: Command): { readonly line: string; readonly shown: string } {
    const rule: Rule = VERBS[verb];
    const obstacle = this.#obstacle(verb);
    if (obstacle !== undefined) throw new UsageError(obstacle);
    const { text, command } = commandLine({ verb, argument, shown });
    const replies = (verb === 'END' || verb === 'LAST') && this.#protocol === 'lmtp' ? this.#recipients : 1;
    for (let count = 0; count < replies; count++) this.#queue.push({ verb, command });
    if (typeof rule.to === 'string') this.#ahead = rule.to;
    return { line: `${text}\r\n`, shown: command };
  }

  /** Whether `send` would take this verb now. */
  allows(verb: Verb): boolean {
    return this.#obstacle(verb) === undefined;
  }

  #obstacle(verb: Verb): string | undefined {
    const tail = this.#queue.at(-1);
    if (tail !== undefined && (VERBS[tail.verb] as Rule).last === true)
      return `${verb} cannot be sent before the reply to ${tail.verb}`;
    const { from }: Rule = VERBS[verb];
    return from.includes(this.#ahead) ? undefined : `${verb} is not possible now (${this.#ahead})`;
  }

  /** Takes one line from the server; gives the exchange that it completes, if it does. */
  receive(line: Uint8Array): Exchange | undefined {
    const reply = this.#parser.push(line);
    if (reply === undefined) return undefined;
    const asked = this.#queue.shift();
    if (reply.code === 421) return this.#close(asked, reply);
    if (asked === undefined) {
      if (this.#state === 'data' && reply.code >= 400)
        return this.#close({ verb: 'DATA', command: 'DATA' }, reply);
      throw new ProtocolError(`the server said ${reply.code} without being asked`);
    }
    const rule: Rule = VERBS[asked.verb];
    const next =
      typeof rule.to === 'object'
        ? rule.to[reply.code]
        : reply.code < 300
          ? (rule.to ?? this.#state)
          : undefined;
    if (next === undefined && reply.code < 400) {
      throw new ProtocolError(`the server said ${reply.code} to ${asked.verb}, which is no answer to that`, {
        stage: rule.stage,
      });
    }
    if (next !== undefined && asked.verb === 'MAIL') {
      this.#recipients = 0;
      this.#transactions += 1;
    }
    if (next !== undefined && asked.verb === 'RCPT') this.#recipients += 1;
    // A code that only this verb has means what it says, also to a command that came too early: 354 waits for a message.
    const exact = typeof rule.to === 'object';
    if (next !== undefined && (exact || rule.from.includes(this.#state))) this.#state = next;
    if (next === undefined && rule.refused !== undefined) this.#state = rule.refused;
    if (this.#queue.length === 0) this.#ahead = this.#state;
    return { verb: asked.verb, command: asked.command, reply, ok: next !== undefined, early: false };
  }

  /** After 421, or a verdict before the message's end, the server hears nothing more (RFC 5321 3.8). */
  #close(asked: { readonly verb: Verb; readonly command: string } | undefined, reply: SmtpReply): Exchange {
    const early = this.#state === 'data' && asked?.verb !== 'END';
    this.#state = 'closed';
    this.#ahead = 'closed';
    this.#queue.length = 0;
    return { verb: asked?.verb ?? 'NOOP', command: asked?.command ?? UNASKED, reply, ok: false, early };
  }
}

/**
 * A command as one line without its CRLF, and as the transcript may show it. `UsageError` where it cannot be one: a control
 * character, more than `COMMAND_LIMIT` octets (`AUTH_LINE_LIMIT` during a log-in).
 */
export function commandLine({ verb, argument, shown }: Command): {
  readonly text: string;
  readonly command: string;
} {
  const text = lineOf(verb, argument);
  const command = lineOf(verb, shown ?? argument);
  // The one place that makes lines: whatever an address, a name or a parameter holds, it cannot become a second command.
  if (/[\0-\x1f\x7f]/.test(text))
    throw new UsageError(`a control character in ${verb}: ${JSON.stringify(command)}`);
  const limit = verb === 'AUTH' || verb === 'RESPONSE' ? AUTH_LINE_LIMIT : COMMAND_LIMIT;
  if (Buffer.byteLength(text) > limit)
    throw new UsageError(`${verb} would be a line of more than ${limit} octets`);
  return { text, command };
}

function lineOf(verb: Verb, argument: string | undefined): string {
  if (verb === 'RESPONSE' || verb === 'RAW') return argument ?? '';
  if (verb === 'END') return '.';
  if (verb === 'LAST') return `BDAT ${argument} LAST`;
  return argument === undefined ? verb : `${verb} ${argument}`;
}
