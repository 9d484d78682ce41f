import { type ErrorDetails, ProtocolError } from '../errors.ts';

/** How a status line begins (RFC 1939 3); `+` alone is a challenge (RFC 5034 4). */
export type Indicator = '+OK' | '-ERR' | '+';

/** What a server answered to one command. */
export interface Status {
  readonly indicator: Indicator;
  /** The response code without its brackets, in capitals: `IN-USE`, `SYS/TEMP` (RFC 2449 8). */
  readonly code: string | undefined;
  /** What follows, as received: for people, and for STAT and challenges. */
  readonly text: string;
}

/** RFC 2449 4 allows 512 octets; a challenge is bounded by the connection alone. */
export const STATUS_LIMIT = 4_096;
/** So much of a server's words goes into an error. */
const QUOTED_LIMIT = 200;

const RESPONSE_CODE = /^\[([!-Z^-~]{1,64})\][ \t]*/;

/** Reads a status line (without its ending); anything that is none is a `ProtocolError`, with these `details`. */
export function parseStatus(line: Buffer, details: ErrorDetails = {}): Status {
  const text = line.toString('utf8');
  const word = /^(?:\+OK|-ERR)(?=[ \t]|$)/i.exec(text)?.[0];
  if (word !== undefined) return withCode(word[0] === '+' ? '+OK' : '-ERR', text.slice(word.length));
  if (text === '+' || text.startsWith('+ ')) {
    return { indicator: '+', code: undefined, text: text.slice(2) };
  }
  throw new ProtocolError(`not a POP3 status line: ${quoted(text)}`, details);
}

function withCode(indicator: '+OK' | '-ERR', rest: string): Status {
  const text = rest.trim();
  const found = RESPONSE_CODE.exec(text);
  if (found === null) return { indicator, code: undefined, text };
  return { indicator, code: (found[1] ?? '').toUpperCase(), text: text.slice(found[0].length) };
}

/** A peer's words in quotes, cut and with control characters made visible, for an error text. */
export function quoted(text: string): string {
  const cut = text.length > QUOTED_LIMIT ? `${text.slice(0, QUOTED_LIMIT)}…` : text;
  return `"${cut.replace(/[\u0000-\u001f\u007f-\u009f]/g, visible)}"`;
}

function visible(control: string): string {
  return `\\x${control.charCodeAt(0).toString(16).padStart(2, '0')}`;
}

/** Codes that say "not now" (RFC 2449 8.1, RFC 3206): nothing is wrong with the request itself. */
const PASSING = new Set(['IN-USE', 'LOGIN-DELAY', 'SYS/TEMP']);
/** Codes that say the credentials are not to blame. */
const NOT_CREDENTIALS = new Set([...PASSING, 'SYS/PERM']);

/** Whether a refusal may pass by itself. */
export function mayPass(status: Status): boolean {
  return status.code !== undefined && PASSING.has(status.code);
}

/** Whether a refused log-in says anything about the credentials; without a code it does. */
export function blamesCredentials(status: Status): boolean {
  return status.code === undefined || !NOT_CREDENTIALS.has(status.code);
}
