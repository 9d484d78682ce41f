/**
 * A mail system to try things on: SMTP and POP3 on loopback, one maildrop, one user, and faults on request.
 *
 *     await using sandbox = await startSandbox({ tls: true });
 *     await programUnderTest({ env: { ...process.env, ...sandbox.environment() } });
 *     const [message] = await sandbox.waitFor(1);
 *     console.log(message.recipients, String(await message.read()));
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { InputError, TimeoutError, UsageError } from '../errors.ts';
import { makeCertificate } from './certificate.ts';
import type { SandboxEvent } from './events.ts';
import { Faults } from './faults.ts';
import { HOST } from './listener.ts';
import { Maildrop, type SandboxMessage } from './maildrop.ts';
import { startPop3 } from './pop3.ts';
import { startSmtp } from './smtp.ts';

export type { SandboxEvent } from './events.ts';
export { FAULT_GRAMMAR } from './faults.ts';
export type { SandboxEnvelope, SandboxMessage } from './maildrop.ts';

export interface SandboxOptions {
  /** 0, the default, takes a free port. */
  smtpPort?: number;
  pop3Port?: number;
  /**
   * TLS with a throw-away certificate. `true` and `'starttls'`: STARTTLS and STLS are offered on the plain ports.
   * `'implicit'`: both ports speak TLS from the first octet.
   */
  tls?: boolean | 'starttls' | 'implicit';
  /** The one user; `sandbox` when absent. */
  username?: string;
  /** A random one when absent. */
  password?: string;
  /** Refuse mail (530) before a login; otherwise a login is possible and not needed. */
  requireAuth?: boolean;
  /** The largest message, in octets, as SIZE announces it; 1 GiB when absent. */
  maxSize?: number;
  /** Keep the messages here, and start with the `*.eml` files found here; otherwise they go when the sandbox closes. */
  directory?: string;
  /** Files to put into the maildrop at the start. */
  preload?: readonly string[];
  /** `STAGE:ACTION[@WHEN]`, for example `rcpt:450@2`: FAULT_GRAMMAR has all of it. */
  faults?: readonly string[];
  /** How long a POP3 session may be silent; ten minutes when absent (RFC 1939 3). */
  idleTimeoutMs?: number;
  onEvent?: (event: SandboxEvent) => void;
}

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export interface Sandbox extends AsyncDisposable {
  readonly smtp: Endpoint;
  readonly pop3: Endpoint;
  readonly username: string;
  readonly password: string;
  /** What a client has to trust (PEM); undefined without TLS. */
  readonly caFile: string | undefined;
  /** Where the messages are, a file for each. */
  readonly directory: string;
  /** The variables that point mailtool at this sandbox, and SMTP_HOST and SMTP_PORT for other programs. */
  environment(): Record<string, string>;
  /** What is in the maildrop, oldest first. */
  messages(): readonly SandboxMessage[];
  /** Resolves once at least `count` messages are in the maildrop; TimeoutError after `timeoutMs` (10 000). */
  waitFor(count: number, options?: { timeoutMs?: number }): Promise<readonly SandboxMessage[]>;
  /** Empties the maildrop. */
  clear(): Promise<void>;
  /** Stops both servers, ends what is connected, and removes the temporary files. Can be called again. */
  close(): Promise<void>;
}

const DEFAULT_USERNAME = 'sandbox';
const DEFAULT_SIZE = 1_073_741_824;
const DEFAULT_IDLE_MS = 600_000;
const DEFAULT_WAIT_MS = 10_000;

/** Starts both servers on 127.0.0.1. UsageError for options that make no sense, InputError for a preload that is not there. */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const onEvent = options.onEvent ?? (() => {});
  const faults = new Faults(options.faults ?? [], (fault) =>
    onEvent({ type: 'fault', protocol: fault.protocol, fault: fault.text }),
  );
  const user = {
    username: credential('user name', options.username ?? DEFAULT_USERNAME),
    password: credential('password', options.password ?? randomBytes(12).toString('hex')),
  };
  const temporary = await mkdtemp(join(tmpdir(), 'mailtool-sandbox-'));
  const undo: (() => Promise<void>)[] = [() => rm(temporary, { recursive: true, force: true })];
  const tearDown = async (): Promise<void> => {
    for (let step = undo.pop(); step !== undefined; step = undo.pop()) await step();
  };
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closed ??= tearDown();
    return closed;
  };
  try {
    const maildrop = await Maildrop.open(options.directory ?? join(temporary, 'mail'));
    for (const path of options.preload ?? []) await maildrop.load(path);
    const implicit = options.tls === 'implicit';
    const certificate =
      options.tls === undefined || options.tls === false ? undefined : await makeCertificate(temporary);
    const shared = { maildrop, user, faults, onEvent };
    const smtp = await startSmtp(options.smtpPort ?? 0, {
      ...shared,
      tls: certificate && { ...certificate, implicit },
      requireAuth: options.requireAuth ?? false,
      maxSize: options.maxSize ?? DEFAULT_SIZE,
    });
    undo.push(smtp.close);
    const pop3 = await startPop3(options.pop3Port ?? 0, {
      ...shared,
      tls: certificate && {
        context: createSecureContext({ key: certificate.key, cert: certificate.cert, minVersion: 'TLSv1.2' }),
        implicit,
      },
      idleTimeoutMs: options.idleTimeoutMs ?? DEFAULT_IDLE_MS,
    });
    undo.push(pop3.close);
    const waiting = new Waiting(maildrop, smtp.port);
    undo.push(async () => waiting.end());
    return {
      smtp: { host: HOST, port: smtp.port },
      pop3: { host: HOST, port: pop3.port },
      ...user,
      caFile: certificate?.caFile,
      directory: maildrop.directory,
      environment() {
        const security = certificate === undefined ? 'none' : implicit ? 'implicit' : 'starttls';
        return {
          ...variables('SMTP', smtp.port, user, security),
          ...variables('POP3', pop3.port, user, security),
          ...(certificate === undefined ? {} : { MAILTOOL_TLS_CA: certificate.caFile }),
          MAILTOOL_FROM: /^[\w.+-]+@[\w.-]+$/.test(user.username) ? user.username : 'sandbox@sandbox.test',
          SMTP_HOST: HOST,
          SMTP_PORT: String(smtp.port),
        };
      },
      messages: () => maildrop.messages(),
      waitFor: (count, { timeoutMs = DEFAULT_WAIT_MS } = {}) => waiting.for(count, timeoutMs),
      async clear() {
        await maildrop.remove(maildrop.messages());
      },
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Those who wait for messages. */
class Waiting {
  readonly #maildrop: Maildrop;
  readonly #port: number;
  readonly #checks = new Set<() => void>();
  #ended = false;

  constructor(maildrop: Maildrop, port: number) {
    this.#maildrop = maildrop;
    this.#port = port;
    maildrop.onChange = () => {
      for (const check of this.#checks) check();
    };
  }

  for(count: number, timeoutMs: number): Promise<readonly SandboxMessage[]> {
    return new Promise((resolve, reject) => {
      const check = (): void => {
        const messages = this.#maildrop.messages();
        if (messages.length >= count) settle(() => resolve(messages));
        else if (this.#ended)
          settle(() => reject(new InputError('the sandbox was closed while waiting for messages')));
      };
      const settle = (how: () => void): void => {
        clearTimeout(timer);
        this.#checks.delete(check);
        how();
      };
      const timer = setTimeout(() => {
        const there = this.#maildrop.messages().length;
        const words = `waited ${timeoutMs} ms for ${count} messages, ${there} came`;
        const at = { phase: 'established', host: HOST, port: this.#port } as const;
        settle(() => reject(new TimeoutError(words, at)));
      }, timeoutMs);
      this.#checks.add(check);
      check();
    });
  }

  end(): void {
    this.#ended = true;
    for (const check of this.#checks) check();
  }
}

function variables(
  protocol: 'SMTP' | 'POP3',
  port: number,
  user: { readonly username: string; readonly password: string },
  security: string,
): Record<string, string> {
  return {
    [`MAILTOOL_${protocol}_HOST`]: HOST,
    [`MAILTOOL_${protocol}_PORT`]: String(port),
    [`MAILTOOL_${protocol}_USER`]: user.username,
    [`MAILTOOL_${protocol}_PASSWORD`]: user.password,
    [`MAILTOOL_${protocol}_TLS`]: security,
  };
}

/** Checks what both protocols have to be able to carry. */
function credential(what: string, value: string): string {
  if (value === '' || /[\0-\x1f\x7f]/.test(value)) {
    throw new UsageError(`the ${what} of the sandbox must not be empty or contain control characters`);
  }
  return value;
}
