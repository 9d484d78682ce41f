import { ProtocolError, UsageError } from '../errors.ts';
import { redacted } from '../net/redacted.ts';
import { requireProtection } from '../sasl/index.ts';
import { parseStatus, quoted, STATUS_LIMIT, type Status } from './status.ts';
import { LINE_LIMIT, type Rule, type State, VERBS, type Verb } from './verbs.ts';

/** One command and what came of it. */
export interface Exchange {
  readonly verb: Verb;
  /** The command as a transcript may show it. */
  readonly command: string;
  readonly status: Status;
  /** Whether the status is `+OK`. */
  readonly ok: boolean;
  /** Lines and a dot follow: they are to be read before anything else. */
  readonly block: boolean;
}

interface Due {
  readonly verb: Verb;
  readonly command: string;
}

export interface SessionOptions {
  /** Whether TLS covers the connection from its first octet. */
  readonly protected?: boolean;
  /** Write a password over an unprotected connection too. */
  readonly allowCleartextAuth?: boolean | undefined;
  /** `auto`: as the server announces it. */
  readonly pipelining?: 'auto' | 'on' | 'off' | undefined;
  /** DELE is not legal in any state. */
  readonly readOnly?: boolean | undefined;
}

const NOT_POP3 = 'is this the port of a POP3 server, and does it want TLS from the start (995)?';

/**
 * The dialogue of one POP3 connection: what may be said, what is still to be answered, and where that leads. It knows
 * neither sockets nor clocks. Commands are judged by the state *ahead*, as if all that are due succeed; statuses move the
 * state that *is*.
 */
export class Pop3Session {
  readonly #options: SessionOptions;
  readonly #due: Due[] = [{ verb: 'GREETING', command: 'the greeting' }];
  #state: State = 'greeting';
  #ahead: State = 'authorization';
  #protected: boolean;
  #capabilities: ReadonlyMap<string, string> = new Map();
  #block: Due | undefined;

  constructor(options: SessionOptions = {}) {
    this.#options = options;
    this.#protected = options.protected ?? false;
  }

  get state(): State {
    return this.#state;
  }

  /** How many commands wait for their status. */
  get due(): number {
    return this.#due.length;
  }

  /** Whether lines and a dot are still to be read before the next status. */
  get reading(): boolean {
    return this.#block !== undefined;
  }

  /** The command that the next status belongs to. */
  get next(): Verb | undefined {
    return this.#due[0]?.verb;
  }

  /** What the server announced last; forgotten at STLS. */
  get capabilities(): ReadonlyMap<string, string> {
    return this.#capabilities;
  }

  get pipelining(): boolean {
    const wanted = this.#options.pipelining ?? 'auto';
    return wanted === 'on' || (wanted === 'auto' && this.#capabilities.has('PIPELINING'));
  }

  /**
   * The line that says `verb` with `args`, and the form of it that may be shown. This is the one place that makes a POP3
   * line: it throws a `UsageError` for what is not legal now, is too long, or has control characters, and an
   * `AuthenticationError` for a password on an unprotected connection.
   */
  send(verb: Verb, ...args: readonly (string | number)[]): { readonly line: string; readonly shown: string } {
    const rule: Rule = VERBS[verb];
    const words = args.map((argument) => (typeof argument === 'number' ? digits(verb, argument) : argument));
    const text = (rule.bare ? words : [verb, ...words]).join(' ');
    const shown = show(verb, rule, words);
    this.#judge(verb, rule);
    // The checks come after the judgement of the state, and before anything changes.
    const isPlain = args.every((argument) => typeof argument === 'number');
    if (!isPlain && /[\u0000-\u001f\u007f]|\p{Cs}/u.test(text)) {
      throw new UsageError(`a control character or half a character in an argument of ${verb}`, {
        stage: rule.stage,
        command: shown,
      });
    }
    const octets = Buffer.byteLength(text) + 2;
    const limit = rule.limit ?? LINE_LIMIT;
    if (octets > limit) {
      throw new UsageError(`${verb} would be a line of ${octets} octets; POP3 allows ${limit}`, {
        stage: rule.stage,
        command: shown,
      });
    }
    // The gate that every password passes, whoever sends it and however the session came to this point.
    if (rule.cleartext) {
      requireProtection(verb, {
        tls: this.#protected,
        allowCleartext: this.#options.allowCleartextAuth === true,
      });
    }
    this.#due.push({ verb, command: shown });
    this.#ahead = rule.to ?? this.#ahead;
    return { line: `${text}\r\n`, shown };
  }

  /** Takes a status line (without its ending) as the answer to the oldest command that is due. */
  receive(line: Buffer): Exchange {
    if (this.#block !== undefined) {
      throw new UsageError(`the answer to ${this.#block.command} has not been read to its end`);
    }
    const due = this.#due.shift();
    if (due === undefined) {
      throw new ProtocolError(
        `the server sent a line that nothing asked for: ${quoted(line.toString('utf8'))}`,
      );
    }
    const rule: Rule = VERBS[due.verb];
    if (line.length > STATUS_LIMIT && rule.challenge === undefined) {
      throw new ProtocolError(`a status line of ${line.length} octets`, { stage: rule.stage });
    }
    const status = parseStatus(line, {
      stage: rule.stage,
      command: due.command,
      hint: due.verb === 'GREETING' ? NOT_POP3 : undefined,
    });
    if (status.indicator === '+' && rule.challenge === undefined) {
      throw new ProtocolError(`a challenge in answer to ${due.verb}: ${quoted(line.toString('utf8'))}`, {
        stage: rule.stage,
        command: due.command,
      });
    }
    this.#move(rule, status);
    const ok = status.indicator === '+OK';
    const block = ok && rule.block === true;
    if (block) this.#block = due;
    return { verb: due.verb, command: due.command, status, ok, block };
  }

  /** The lines after the last status, and their dot, have been read. */
  blockEnded(): void {
    this.#block = undefined;
  }

  /** TLS is up: the session begins anew behind it. */
  secured(): void {
    if (this.#state !== 'handshake') throw new UsageError('TLS without STLS', { stage: 'tls' });
    this.#protected = true;
    this.#state = 'authorization';
    this.#ahead = 'authorization';
  }

  /** What CAPA listed. */
  learn(capabilities: ReadonlyMap<string, string>): void {
    this.#capabilities = capabilities;
  }

  #move(rule: Rule, status: Status): void {
    if (status.indicator === '+') this.#state = 'exchange';
    else if (status.indicator === '+OK') this.#state = rule.to ?? this.#state;
    else this.#state = rule.refused ?? this.#state;
    if (this.#due.length === 0) this.#ahead = this.#state;
    // What was said in clear text may have been said by anybody (RFC 2595 4).
    if (this.#state === 'handshake') this.#capabilities = new Map();
  }

  #judge(verb: Verb, rule: Rule): void {
    const problem = this.#problem(verb, rule);
    if (problem !== undefined) throw new UsageError(`${verb} ${problem}`, { stage: rule.stage });
  }

  #problem(verb: Verb, rule: Rule): string | undefined {
    if (rule.deletes === true && this.#options.readOnly === true)
      return 'is refused: the session is read-only';
    if (this.#block !== undefined) return `while the answer to ${this.#block.command} is still being read`;
    const newest = this.#due.at(-1);
    if (newest !== undefined) {
      const before: Rule = VERBS[newest.verb];
      if (before.last === true || newest.verb === 'GREETING') return `before the answer to ${newest.command}`;
      if (!this.pipelining) return `before the answer to ${newest.command}: the server does not pipeline`;
    }
    if (verb === 'GREETING' || !rule.from.includes(this.#ahead))
      return `is not legal in state ${this.#ahead}`;
    return undefined;
  }
}

/** A message number or a count of lines, in the only form a server can take. */
function digits(verb: Verb, value: number): string {
  if (!Number.isSafeInteger(value) || value < 0) throw new UsageError(`${value} is not a number for ${verb}`);
  return String(value);
}

function show(verb: Verb, rule: Rule, words: readonly string[]): string {
  const shown = rule.shown ?? words.length;
  const parts = words.map((word, index) =>
    index < shown || (rule.bare && word === '*') ? word : redacted(Buffer.byteLength(word)),
  );
  return (rule.bare ? parts : [verb, ...parts]).join(' ');
}
