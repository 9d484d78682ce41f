import { ProtocolError } from '../errors.ts';
import { blockLines } from './listing.ts';

/** More lines than any server has; a list without end is an attack. */
export const CAPABILITY_LIMIT = 200;

/** Keyword in capitals → its parameters as given (RFC 2449 5); a keyword listed twice has the parameters of both. */
export type Capabilities = ReadonlyMap<string, string>;

/** Reads the lines of an answer to CAPA. */
export async function readCapabilities(block: AsyncIterable<Uint8Array>): Promise<Capabilities> {
  const capabilities = new Map<string, string>();
  let count = 0;
  for await (const line of blockLines(block)) {
    if (++count > CAPABILITY_LIMIT) {
      throw new ProtocolError(`more than ${CAPABILITY_LIMIT} capabilities`, { stage: 'capa' });
    }
    const [keyword = '', ...parameters] = line
      .toString('latin1')
      .trim()
      .split(/[ \t]+/);
    if (keyword === '') continue;
    const name = keyword.toUpperCase();
    const before = capabilities.get(name);
    const here = parameters.join(' ');
    capabilities.set(name, before === undefined ? here : `${before} ${here}`.trim());
  }
  return capabilities;
}

/** The SASL mechanisms that the server offers (RFC 5034 3), in capitals. */
export function saslMechanisms(capabilities: Capabilities): ReadonlySet<string> {
  const names = (capabilities.get('SASL') ?? '').toUpperCase().split(' ');
  return new Set(names.filter((name) => name !== ''));
}

/** One line for a transcript. */
export function capabilityLine(capabilities: Capabilities): string {
  return [...capabilities]
    .map(([keyword, rest]) => (rest === '' ? keyword : `${keyword} ${rest}`))
    .join(', ');
}

const MSG_ID = /<[!-;=?A-~]+@[!-;=?A-~]+>/;

/**
 * The timestamp of a greeting, for APOP (RFC 1939 7). Only a plain ASCII msg-id will do: a timestamp that an attacker
 * may shape freely gives the password away (CVE-2007-1558).
 */
export function apopTimestamp(greeting: string): string | undefined {
  const found = MSG_ID.exec(greeting)?.[0];
  // What looks like one but has other characters near it is not a msg-id.
  if (found === undefined || /[^ -~]/.test(greeting)) return undefined;
  return found.split('@').length === 2 ? found : undefined;
}

/** What a server says of a mailbox; with `perUser` it may say another thing once the user is known. */
export interface Policy<T> {
  readonly value: T;
  readonly perUser: boolean;
}

/** The least time between two log-ins, in seconds (RFC 2449 6.5); undefined where nothing, or nonsense, is announced. */
export function loginDelay(capabilities: Capabilities): Policy<number> | undefined {
  return policy<number>(capabilities.get('LOGIN-DELAY'), () => undefined);
}

/** After how many days messages are removed, 0 as soon as they have been read (RFC 2449 6.7); undefined as above. */
export function expiry(capabilities: Capabilities): Policy<number | 'never'> | undefined {
  return policy<number | 'never'>(capabilities.get('EXPIRE'), (word) =>
    word === 'NEVER' ? 'never' : undefined,
  );
}

function policy<T>(
  parameters: string | undefined,
  special: (word: string) => T | undefined,
): Policy<T | number> | undefined {
  const [word = '', ...rest] = (parameters ?? '').toUpperCase().split(' ');
  const value = /^\d{1,9}$/.test(word) ? Number(word) : special(word);
  return value === undefined ? undefined : { value, perUser: rest.includes('USER') };
}
