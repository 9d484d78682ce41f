/**
 * One POP3 session, by RFC 1939, with RFC 2449 (CAPA, response codes), 2595 (STLS), 3206 (AUTH-RESP-CODE) and 5034
 * (AUTH). It is strict where a client could come to rely on leniency: a command ends in CRLF, has one space before each
 * argument, and nothing may be sent behind STLS.
 */
import type { Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import type { SandboxEvent } from './events.ts';
import type { Faults, Pop3Stage } from './faults.ts';
import type { Maildrop } from './maildrop.ts';
import {
  checkApop,
  checkPassword,
  decodeResponse,
  ExchangeError,
  MECHANISMS,
  makeTimestamp,
  runMechanism,
  type User,
} from './pop3-auth.ts';
import { HangUp, Pop3Channel } from './pop3-channel.ts';
import { argumentsOf, type Keyword, parseCommand } from './pop3-command.ts';
import { Pop3Transaction } from './pop3-transaction.ts';

export interface Pop3Context {
  readonly maildrop: Maildrop;
  readonly user: User;
  readonly faults: Faults;
  readonly onEvent: (event: SandboxEvent) => void;
  readonly tls: { readonly context: SecureContext; readonly implicit: boolean } | undefined;
  /** RFC 1939 3 asks for at least ten minutes. */
  readonly idleTimeoutMs: number;
}

/** RFC 2449 4: a command has at most 255 octets, its CRLF included. */
const COMMAND_LIMIT = 255;
/** RFC 4954 4, which RFC 5034 follows: a response within AUTH. */
const RESPONSE_LIMIT = 12_288;
/** Commands that cannot be understood, and failed logins, before the server hangs up. */
const BAD_COMMAND_LIMIT = 20;

export class Pop3Session {
  readonly #context: Pop3Context;
  readonly #channel: Pop3Channel;
  readonly #timestamp = makeTimestamp();
  #secured = false;
  #username: string | undefined;
  /** Undefined in the AUTHORIZATION state. */
  #transaction: Pop3Transaction | undefined;
  #hidden: readonly string[] = [];
  #badCommands = 0;
  #over = false;

  constructor(socket: Socket, context: Pop3Context) {
    this.#context = context;
    this.#channel = new Pop3Channel(socket, context.idleTimeoutMs);
  }

  /** Serves the connection to its end; whatever was marked as deleted stays unless QUIT came (RFC 1939 6). */
  async run(): Promise<void> {
    try {
      if (this.#context.tls?.implicit === true) await this.#secure(this.#context.tls.context);
      await this.#withFault('greeting', () => this.#reply(`+OK mailtool sandbox ready ${this.#timestamp}`));
      while (!this.#over) await this.#command();
    } catch (error) {
      // Whatever it was, it ends this session alone: a broken maildrop shows as a connection that closes.
      if (!(error instanceof HangUp)) this.#channel.destroy();
    } finally {
      this.#transaction?.release();
      this.#channel.hangUp();
    }
  }

  /** Runs `step`, unless a fault comes before it; one that hits the reply is set up for it. */
  async #withFault(stage: Pop3Stage, step: () => Promise<void>): Promise<void> {
    const fault = this.#context.faults.next('pop3', stage);
    switch (fault?.kind) {
      case 'drop':
        throw new HangUp();
      case 'refuse':
        await this.#reply(`-ERR ${fault.text === '' ? 'as the fault says' : fault.text}`);
        if (stage === 'greeting') throw new HangUp();
        return;
      case 'stall':
        return await this.#channel.pause(Number.POSITIVE_INFINITY);
      case 'slow':
        await this.#channel.pause(fault.milliseconds);
        break;
      case 'lose':
      case 'cut':
        this.#channel.damage = fault.kind;
        break;
      case 'hide':
        this.#hidden = fault.keywords;
        break;
    }
    await step();
    this.#hidden = [];
  }

  async #secure(context: SecureContext): Promise<void> {
    await this.#channel.secure(context);
    this.#secured = true;
  }

  async #command(): Promise<void> {
    const line = await this.#channel.next(COMMAND_LIMIT);
    if (line.kind === 'too-long') return await this.#bad(`a command has at most ${COMMAND_LIMIT} octets`);
    if (line.kind !== 'line') throw new HangUp();
    if (line.ending !== 'CRLF') return await this.#bad('a command ends in CRLF');
    const command = parseCommand(line.bytes.toString('latin1'));
    if (typeof command === 'string') return await this.#bad(command);
    const { keyword, rule } = command;
    const run = async (): Promise<void> => {
      const state = this.#transaction === undefined ? 'AUTHORIZATION' : 'TRANSACTION';
      if (rule.state !== 'both' && rule.state !== state) {
        return await this.#bad(`${keyword} is not for the ${state} state`);
      }
      const given = argumentsOf(command);
      if (given === undefined) return await this.#bad(`these are not the arguments of ${keyword}`);
      if (this.#transaction === undefined) await this.#authorization(keyword, given);
      else await this.#transact(this.#transaction, keyword, given);
    };
    // A refused AUTH is refused when its exchange is over, as real servers do it.
    if (keyword === 'AUTH') await run();
    else await this.#withFault(keyword.toLowerCase() as Lowercase<Keyword>, run);
  }

  async #authorization(keyword: Keyword, [first = '', second]: readonly string[]): Promise<void> {
    switch (keyword) {
      case 'CAPA':
        return await this.#capa();
      case 'STLS':
        return await this.#stls();
      case 'USER':
        this.#username = first;
        return await this.#reply('+OK now the password');
      case 'PASS':
        return await this.#pass(first);
      case 'APOP':
        return await this.#login(
          'APOP',
          checkApop(this.#context.user, this.#timestamp, octets(first), second ?? ''),
        );
      case 'AUTH':
        return await this.#auth(first, second);
      case 'QUIT':
        this.#over = true;
        return await this.#reply('+OK bye');
    }
  }

  async #transact(transaction: Pop3Transaction, keyword: Keyword, given: readonly string[]): Promise<void> {
    const [first, second = ''] = given;
    switch (keyword) {
      case 'CAPA':
        return await this.#capa();
      case 'STAT':
        return await transaction.stat();
      case 'LIST':
        return await transaction.list(first);
      case 'UIDL':
        return await transaction.uidl(first);
      case 'TOP':
        if (!/^\d{1,9}$/.test(second)) return await this.#bad('TOP needs a number of lines');
        return await transaction.top(first ?? '', Number(second));
      case 'RETR':
        return await transaction.retr(first ?? '');
      case 'DELE':
        return await transaction.dele(first ?? '');
      case 'RSET':
        return await transaction.rset();
      case 'NOOP':
        return await this.#reply('+OK');
      case 'QUIT':
        this.#over = true;
        return await transaction.update();
    }
  }

  async #capa(): Promise<void> {
    const capabilities = [
      'TOP',
      'UIDL',
      'USER',
      `SASL ${MECHANISMS.join(' ')}`,
      'RESP-CODES',
      'AUTH-RESP-CODE',
      'PIPELINING',
      'EXPIRE NEVER',
      ...(this.#context.tls === undefined || this.#secured ? [] : ['STLS']),
      'IMPLEMENTATION mailtool sandbox',
    ];
    await this.#channel.lines(
      '+OK capabilities follow',
      capabilities.filter((line) => !this.#hidden.includes(line.split(' ')[0] ?? '')),
    );
  }

  async #stls(): Promise<void> {
    const { tls } = this.#context;
    if (tls === undefined) return await this.#bad('this server has no TLS');
    if (this.#secured) return await this.#bad('TLS is on already');
    // RFC 2595 4: what stands behind STLS came in the clear, and may be anybody's.
    if (this.#channel.pending) {
      await this.#reply('-ERR nothing may be sent behind STLS');
      throw new HangUp();
    }
    await this.#reply('+OK begin TLS');
    await this.#secure(tls.context);
    this.#username = undefined;
  }

  async #pass(word: string): Promise<void> {
    const username = this.#username;
    this.#username = undefined;
    if (username === undefined) return await this.#bad('USER comes before PASS');
    await this.#login('USER', checkPassword(this.#context.user, octets(username), octets(word)));
  }

  async #auth(name: string, first: string | undefined): Promise<void> {
    const mechanism = MECHANISMS.find((one) => one === name.toUpperCase());
    if (mechanism === undefined) return await this.#bad('there is no such mechanism');
    let ok: boolean;
    try {
      const initial = first === undefined ? undefined : decodeResponse(first === '=' ? '' : first);
      ok = await runMechanism(mechanism, initial, (challenge) => this.#ask(challenge), this.#context.user);
    } catch (error) {
      if (!(error instanceof ExchangeError)) throw error;
      return await this.#bad(error.message);
    }
    await this.#withFault('auth', () => this.#login(mechanism, ok));
  }

  async #ask(challenge: string): Promise<Buffer> {
    await this.#reply(`+ ${Buffer.from(challenge).toString('base64')}`);
    const line = await this.#channel.next(RESPONSE_LIMIT);
    if (line.kind === 'too-long') throw new ExchangeError(`a response has at most ${RESPONSE_LIMIT} octets`);
    if (line.kind !== 'line') throw new HangUp();
    if (line.ending !== 'CRLF') throw new ExchangeError('a response ends in CRLF');
    const text = line.bytes.toString('latin1');
    if (text === '*') throw new ExchangeError('cancelled');
    return decodeResponse(text);
  }

  async #login(mechanism: string, ok: boolean): Promise<void> {
    this.#context.onEvent({ type: 'login', protocol: 'pop3', mechanism, ok });
    if (!ok) return await this.#bad('[AUTH] invalid user name or password');
    const snapshot = this.#context.maildrop.lock();
    if (snapshot === undefined) {
      return await this.#reply('-ERR [IN-USE] the maildrop is locked by another session');
    }
    this.#transaction = new Pop3Transaction(snapshot, this.#channel, this.#context.onEvent);
    await this.#transaction.welcome();
  }

  async #bad(why: string): Promise<void> {
    this.#badCommands += 1;
    await this.#reply(`-ERR ${why}`);
    if (this.#badCommands >= BAD_COMMAND_LIMIT) throw new HangUp();
  }

  #reply(line: string): Promise<void> {
    return this.#channel.reply(line);
  }
}

/** Arguments are octets: a user name or password may be UTF-8. */
function octets(argument: string): Buffer {
  return Buffer.from(argument, 'latin1');
}
