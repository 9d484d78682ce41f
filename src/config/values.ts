/**
 * What a value of each kind must look like. Everything here is text that someone else may have written: it is bounded,
 * and what has control characters in it is refused, never cleaned.
 */
import type { Protocol, SecretNoun } from './setting.ts';

/** A value that cannot be used; the message is a reason that fits after "NAME (PLACE): " and repeats no secret. */
export class BadValue extends Error {}

/** A value that can be in no message. */
export class BadText extends BadValue {}

/** Where a server is, as far as one value says it. */
export interface Endpoint {
  /** Name or address, an IPv6 address without brackets. */
  readonly host: string;
  readonly port?: number;
}

/** What a server URL says. A `smtp:` or `pop3:` URL leaves `tls` open: it may still be STARTTLS. */
export interface ServerUrl extends Endpoint {
  readonly tls?: 'implicit';
  readonly user?: string;
}

const MAX_TEXT = 4096;
/** In base64, with what stands around it, this still fits in a line of SMTP's AUTH (RFC 4954 4). */
const MAX_TOKEN = 8192;
/** RFC 1035 2.3.4. */
const MAX_HOST = 255;
/** A key, its successor, and room. */
const MAX_PINS = 10;
/** A timer of Node holds 2^31 - 1 ms; 24 days stay below it. */
const MAX_DURATION_MS = 24 * 86_400_000;

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `30s 5m 2h 7d`; a bare number is seconds. The answer is in milliseconds, above 0 and at most `longestMs` (24 days). */
export function parseDuration(text: string, longestMs = MAX_DURATION_MS): number {
  const match = /^(\d{1,10})([smhd]?)$/.exec(text);
  if (match === null) throw new BadValue(`${quote(text)} is not a duration: write 30s, 5m, 2h or 7d`);
  const ms = Number(match[1]) * (UNIT_MS[match[2] || 's'] ?? 1000);
  if (ms <= 0) throw new BadValue('a duration must be longer than nothing');
  if (ms > longestMs) {
    throw new BadValue(`${quote(text)} is longer than ${Math.floor(longestMs / 86_400_000)} days`);
  }
  return ms;
}

/** 1 to 65535, in decimal. */
export function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw new BadValue(`${quote(text)} is not a port (1 to 65535)`);
  return port;
}

/** `name`, `name:port`, `192.0.2.1:25`, `2001:db8::1`, `[2001:db8::1]:25`. */
export function parseHost(text: string): Endpoint {
  if (text.includes('://')) throw new BadValue(`${quote(text)} is a URL: give the host alone`);
  const path = /^(?:unix:)?(\/.*)$/s.exec(text)?.[1];
  if (path !== undefined) return { host: socketPath(path) };
  const bracketed = /^\[([^[\]]*)\](?::(.*))?$/s.exec(text);
  if (bracketed !== null) return endpoint(ipv6(bracketed[1] ?? '', text), bracketed[2]);
  const colon = text.indexOf(':');
  if (colon === -1) return { host: hostName(text) };
  if (text.indexOf(':', colon + 1) !== -1) return { host: ipv6(text, text) };
  return endpoint(hostName(text.slice(0, colon)), text.slice(colon + 1));
}

/** `smtps://user@host:465`, with the schemes `smtp` or `pop3` and an `s` for TLS at once. The user may be %-encoded. */
export function parseServerUrl(protocol: Protocol, text: string): ServerUrl {
  const shape = `write ${protocol}s://user@host:port or ${protocol}://user@host:port`;
  // The text is not repeated in any of these: it may have a password in it.
  if (/[\p{C}\s]/u.test(text)) throw new BadValue(`it has a blank or control character in it: ${shape}`);
  const scheme = /^([a-z0-9]+):\/\/(?=[^/])/i.exec(text)?.[1]?.toLowerCase();
  if (scheme !== protocol && scheme !== `${protocol}s`) {
    throw new BadValue(`it is not a URL of ${protocol.toUpperCase()}: ${shape}`);
  }
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new BadValue(`it cannot be read as a URL: ${shape}`);
  }
  if (url.password !== '') {
    throw new BadValue(
      `there is a password in it: put that into MAILTOOL_${protocol.toUpperCase()}_PASSWORD, and leave ${scheme}://user@host`,
    );
  }
  if (!['', '/'].includes(url.pathname) || url.search !== '' || url.hash !== '') {
    throw new BadValue(`there is more after the host and port: ${shape}`);
  }
  let host: string;
  let user: string;
  try {
    host = url.hostname.startsWith('[')
      ? parseHost(url.hostname).host
      : hostName(decodeURIComponent(url.hostname));
    user = decodeURIComponent(url.username);
  } catch (error) {
    if (error instanceof BadValue) throw error;
    throw new BadValue(`a % in it is not followed by two hexadecimal digits of UTF-8: write %25 for a %`);
  }
  return {
    ...endpoint(host, url.port === '' ? undefined : url.port),
    ...(scheme === protocol ? {} : { tls: 'implicit' as const }),
    ...(user === '' ? {} : { user: parseText(user) }),
  };
}

/** SHA-256 in hexadecimal, colons and a leading `sha256:` allowed; the answer is 64 lower-case digits. */
export function parseFingerprint(text: string): string {
  const digits = text
    .replace(/^sha-?256[:=]/i, '')
    .replaceAll(':', '')
    .toLowerCase();
  if (/^[0-9a-f]{64}$/.test(digits)) return digits;
  if (/^[0-9a-f]{40}$/.test(digits))
    throw new BadValue('it is a SHA-1 fingerprint: SHA-256 is wanted (64 digits)');
  throw new BadValue(`${quote(text)} is not a SHA-256 fingerprint (64 hexadecimal digits)`);
}

/**
 * SHA-256 of public keys (RFC 7469 2.4), with commas or semicolons between them: base64, with or without `sha256//`, or
 * hexadecimal. The answer is base64 alone.
 */
export function parsePins(text: string): string[] {
  const pins = text.split(/[,;]/).map((part) => {
    const pin = part.trim().replace(/^sha-?256(?:\/\/|[:=])/i, '');
    const digits = pin.replaceAll(':', '');
    if (/^[0-9a-f]{64}$/i.test(digits)) return Buffer.from(digits, 'hex').toString('base64');
    if (/^[A-Za-z0-9+/]{43}=?$/.test(pin)) return Buffer.from(pin, 'base64').toString('base64');
    throw new BadValue(`${quote(part)} is not the SHA-256 of a key: write sha256// and 44 digits of base64`);
  });
  if (pins.length > MAX_PINS) throw new BadValue(`more than ${MAX_PINS} keys`);
  return pins;
}

/** An address of IPv4 or IPv6, this with or without a zone (RFC 4007 11). */
export function parseAddress(text: string): string {
  if (addressFamily(text) === undefined) throw new BadValue(`${quote(text)} is not an IP address`);
  return text;
}

/** Which kind of address a text is; undefined: none. */
export function addressFamily(text: string): 4 | 6 | undefined {
  const octets = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (octets !== null) return octets.slice(1).every((octet) => Number(octet) <= 255) ? 4 : undefined;
  const [, address] = /^([0-9a-f:.]{2,45})(?:%[\w.-]{1,32})?$/i.exec(text) ?? [];
  return address?.includes(':') === true && URL.canParse(`http://[${address}]`) ? 6 : undefined;
}

/** A language tag (RFC 5646 2.1, by its form alone), or `*` for whatever the server likes best. */
export function parseLanguage(text: string): string {
  if (text !== '*' && (text.length > 100 || !/^[a-z]{1,8}(?:-[a-z0-9]{1,8})*$/i.test(text)))
    throw new BadValue(`${quote(text)} is not a language tag: write de, en-GB, or *`);
  return text;
}

/** A SASL mechanism's name (RFC 4422 3.1) in upper case; `auto` and `none` in lower case. */
export function parseMechanism(text: string): string {
  const lower = text.toLowerCase();
  if (lower === 'auto' || lower === 'none') return lower;
  if (!/^[a-z0-9_-]{1,20}$/i.test(text)) throw new BadValue(`${quote(text)} is not the name of a mechanism`);
  return text.toUpperCase();
}

/** A switch: `yes` or `no`, and what else people write for these. */
export function parseSwitch(text: string): boolean {
  const lower = text.toLowerCase();
  if (['true', 'yes', 'on', '1'].includes(lower)) return true;
  if (['false', 'no', 'off', '0'].includes(lower)) return false;
  throw new BadValue(`${quote(text)} is neither yes nor no`);
}

/** Any text without control characters. */
export function parseText(text: string): string {
  if (/[\u0000-\u001f\u007f-\u009f]/.test(text)) throw new BadValue('it has a control character in it');
  if (text.length > MAX_TEXT) throw new BadValue(`it is longer than ${MAX_TEXT} characters`);
  return text;
}

/** Like `parseText` for what goes into a message: a control character there is no slip of a configuration. */
export function parseMessageText(text: string): string {
  try {
    return parseText(text);
  } catch (error) {
    throw error instanceof BadValue ? new BadText(error.message) : error;
  }
}

/** A secret goes into a line of the protocol and is never shown: no NUL, CR or LF, and its text in no message. */
export function parseSecret(text: string): string {
  if (/[\0\r\n]/.test(text)) throw new BadValue('a password cannot have a line break or a NUL in it');
  if (text.length > MAX_TEXT) throw new BadValue(`a password cannot be longer than ${MAX_TEXT} characters`);
  return text;
}

/**
 * An access token (RFC 6750 2.1): printable ASCII. A control character would end it within the mechanism's message
 * (RFC 7628 3.1).
 */
export function parseToken(text: string): string {
  if (/[^\x21-\x7e]/.test(text)) {
    throw new BadValue('a token cannot have a blank, a line break or anything but ASCII in it');
  }
  if (text.length > MAX_TOKEN) throw new BadValue(`a token cannot be longer than ${MAX_TOKEN} characters`);
  return text;
}

/** The check of each kind of secret. */
export const PARSE_SECRET: Readonly<Record<SecretNoun, (text: string) => string>> = {
  password: parseSecret,
  token: parseToken,
};

/** Foreign text in quotes, escaped and cut, for an error message. */
export function quote(text: string): string {
  const cut = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  return JSON.stringify(cut).replace(
    /[\u007f-\u009f\p{Cf}\u2028\u2029]/gu,
    (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  );
}

function endpoint(host: string, port: string | undefined): Endpoint {
  return port === undefined ? { host } : { host, port: parsePort(port) };
}

/** sun_path has 104 octets on some systems, with a NUL at its end. */
const SOCKET_PATH_LIMIT = 103;

function socketPath(path: string): string {
  if (Buffer.byteLength(path) > SOCKET_PATH_LIMIT)
    throw new BadValue(`the path of a Unix socket has at most ${SOCKET_PATH_LIMIT} octets: ${quote(path)}`);
  if (!/^\/[^\s\p{C}]+$/u.test(path)) throw new BadValue(`${quote(path)} is not the path of a Unix socket`);
  return path;
}

function ipv6(address: string, text: string): string {
  // The last part is a zone (RFC 4007 11), the name of an interface.
  if (!/^(?=.*:)[0-9a-f:.]{2,45}(%[\w.-]{1,32})?$/i.test(address)) {
    throw new BadValue(
      `${quote(text)} is not a host: an IPv6 address with a port is written [2001:db8::1]:25`,
    );
  }
  return address;
}

/** A host name alone. */
export function hostName(text: string): string {
  if (text === '') throw new BadValue('there is no host in it');
  if (text.length > MAX_HOST) throw new BadValue(`a host name has at most ${MAX_HOST} characters`);
  // The usual name, told by an expression that costs nothing to compile.
  if (/^[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_.])?$/i.test(text)) return text;
  // Letters of any script (the network layer writes them in ASCII), and nothing that means something elsewhere.
  if (!/^[\p{L}\p{M}\p{N}_](?:[\p{L}\p{M}\p{N}_.-]*[\p{L}\p{M}\p{N}_.])?$/u.test(text)) {
    throw new BadValue(`${quote(text)} is not a host name`);
  }
  return text;
}
