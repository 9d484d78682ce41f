import { readFileSync } from 'node:fs';
import { describe, it } from 'vitest';

/** A certificate and its key, as paths of PEM files. */
export interface KeyPair {
  readonly key: string;
  readonly cert: string;
}

/** One mailbox: the name to log in with, and the address that mail for it goes to. */
export interface InteropUser {
  readonly user: string;
  readonly password: string;
  readonly address: string;
}

/** What `scripts/interop/servers.mjs start` wrote. Every port listens on `host`. */
export interface Interop {
  readonly directory: string;
  readonly host: string;
  readonly smtp: {
    /** STARTTLS required, then AUTH. */
    readonly starttls: number;
    readonly implicit: number;
    /** Neither TLS nor AUTH. */
    readonly plain: number;
    /** AUTH, but no TLS. */
    readonly cleartextAuth: number;
    readonly cramOnly: number;
    /** Announces SIZE 200000; `smallSilent` has the same limit and does not say so. */
    readonly small: number;
    readonly smallSilent: number;
    readonly sevenBit: number;
    /** Knows EHLO, and announces nothing. */
    readonly bare: number;
    readonly untrusted: number;
    readonly wrongName: number;
    readonly untrustedImplicit: number;
  };
  /** At `untrustedHost` the same ports show a certificate that nobody trusts. */
  readonly pop3: { readonly stls: number; readonly implicit: number; readonly untrustedHost: string };
  readonly lmtp: { readonly port: number; readonly socket: string };
  /** Nothing listens there. */
  readonly closedPort: number;
  readonly mechanisms: readonly string[];
  readonly domain: string;
  readonly idnDomain: string;
  readonly users: readonly InteropUser[];
  /** Twenty addresses that all come to the mailbox of ivan. */
  readonly crowd: readonly string[];
  /** Recipients refused for good (550) and for now (450). */
  readonly unknown: string;
  readonly deferred: string;
  readonly tls: {
    readonly ca: string;
    readonly server: KeyPair;
    readonly wrongName: KeyPair;
    readonly untrusted: KeyPair;
    readonly client: KeyPair;
  };
  /** The Maildirs are `mail`/NAME/Maildir, NAME being the local part of the user's address. */
  readonly mail: string;
  readonly logs: { readonly postfix: string; readonly dovecot: string };
}

function load(): Interop | undefined {
  const path = process.env['MAILTOOL_INTEROP'];
  if (path === undefined || path === '') return undefined;
  return JSON.parse(readFileSync(path, 'utf8')) as Interop;
}

const interop = load();

/** A group of tests against the real servers; skipped as one where they are absent. */
export function describeInterop(name: string, tests: (servers: Interop) => void): void {
  if (interop === undefined) {
    describe.skip(name, () => {
      it('needs the interop servers', () => undefined);
    });
    return;
  }
  const servers = interop;
  describe(name, () => tests(servers));
}

/** The account that logs in as `user`. */
export function account(servers: Interop, user: string): InteropUser {
  const found = servers.users.find((each) => each.user === user);
  if (found === undefined) throw new Error(`the interop servers have no user ${user}`);
  return found;
}
