/** The proxy of the settings. */
import { BadValue, type Endpoint, hostName, parseHost, parsePort, parseSecret, parseText } from './values.ts';

export type ProxyScheme = 'socks5' | 'socks4a' | 'http' | 'https';

/** A proxy, and who one is there. It may be printed: the password is in a private field. */
export class ProxySetting implements Endpoint {
  readonly scheme: ProxyScheme;
  readonly host: string;
  readonly port: number;
  readonly username: string | undefined;
  readonly #password: string | undefined;

  constructor(
    scheme: ProxyScheme,
    at: { readonly host: string; readonly port: number },
    username?: string,
    password?: string,
  ) {
    this.scheme = scheme;
    this.host = at.host;
    this.port = at.port;
    this.username = username;
    this.#password = password;
  }

  get password(): string | undefined {
    return this.#password;
  }
}

/** `socks5h` says what is so in any case: the proxy looks the name up. */
const SCHEMES: ReadonlyMap<string, ProxyScheme> = new Map([
  ['socks5', 'socks5'],
  ['socks5h', 'socks5'],
  ['socks4a', 'socks4a'],
  ['http', 'http'],
  ['https', 'https'],
]);

/** The ports that a URL need not name. */
const PORTS: Readonly<Record<ProxyScheme, number>> = { socks5: 1080, socks4a: 1080, http: 80, https: 443 };

const SHAPE = 'write socks5://host:1080, socks4a://host:1080, http://host:8080, https://host:443 or none';

/** `socks5://user:password@host:port`, user and password %-encoded; undefined for `none`. BadValue repeats nothing of it. */
export function parseProxy(text: string): ProxySetting | undefined {
  if (text === 'none') return undefined;
  if (/[\p{C}\s]/u.test(text)) throw new BadValue(`it has a blank or control character in it: ${SHAPE}`);
  const name = /^([a-z0-9]+):\/\/(?=[^/])/i.exec(text)?.[1]?.toLowerCase() ?? '';
  const scheme = SCHEMES.get(name);
  if (scheme === undefined) {
    throw new BadValue(
      name === 'socks4'
        ? 'SOCKS 4 would have names looked up here: write socks4a://'
        : `it is no proxy: ${SHAPE}`,
    );
  }
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new BadValue(`it cannot be read as a URL: ${SHAPE}`);
  }
  if (!['', '/'].includes(url.pathname) || url.search !== '' || url.hash !== '') {
    throw new BadValue(
      `there is more after the host and port (in a password write %23 for #, %3F for ?): ${SHAPE}`,
    );
  }
  const host = url.hostname.startsWith('[') ? parseHost(url.hostname).host : hostName(decoded(url.hostname));
  const port = url.port === '' ? PORTS[scheme] : parsePort(url.port);
  const username = parseText(decoded(url.username));
  const password = parseSecret(decoded(url.password));
  if (password !== '' && username === '') throw new BadValue('there is a password in it, but no user');
  if (password !== '' && scheme === 'socks4a')
    throw new BadValue('SOCKS 4a has no passwords: write user@ alone');
  if (username.includes(':') && (scheme === 'http' || scheme === 'https')) {
    throw new BadValue('the user name for an HTTP proxy cannot have a colon');
  }
  if (scheme === 'socks5' && [username, password].some((part) => Buffer.byteLength(part) > 255)) {
    throw new BadValue('user name and password have at most 255 octets each for SOCKS 5');
  }
  return new ProxySetting(
    scheme,
    { host, port },
    username === '' ? undefined : username,
    password === '' ? undefined : password,
  );
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new BadValue('a % in it is not followed by two hexadecimal digits of UTF-8: write %25 for a %');
  }
}
