import { isIP, type Socket } from 'node:net';
import { domainToASCII } from 'node:url';
import { ConfigError, ConnectionError, TlsError, UsageError } from '../errors.ts';
import type { Deadline } from './deadline.ts';
import { type Peer, where } from './failures.ts';
import { wording } from './system-error.ts';

/** A server that connects in our place. It looks up the name of the mail server: this machine does not. */
export interface ProxyServer {
  /** SOCKS 5 (RFC 1928), SOCKS 4a, or CONNECT (RFC 9110 9.3.6) to a proxy in plain text or, with `https`, under TLS. */
  readonly scheme: 'socks5' | 'socks4a' | 'http' | 'https';
  readonly host: string;
  readonly port: number;
  readonly username?: string | undefined;
  /** Goes to the proxy as it is: only with `https` is it protected on the way there. */
  readonly password?: string | undefined;
}

/** RFC 1929 2. */
const LONGEST_SOCKS_FIELD = 255;

/** A proxy for an error text: never its user or password. */
export function nameOf(proxy: ProxyServer): string {
  return `the ${proxy.scheme} proxy ${where(proxy)}`;
}

/**
 * The mail server as a proxy is told of it, its name in ASCII (RFC 5890). UsageError for a proxy that cannot be: a control
 * character, a name too long for its protocol; ConfigError for a server that no proxy can reach.
 */
export function targetOf(proxy: ProxyServer, { host, port }: Peer): Peer {
  const { scheme, username = '', password = '' } = proxy;
  for (const text of [proxy.host, username, password]) {
    if (/[\u0000-\u001f\u007f]/.test(text))
      throw new UsageError('a control character in the proxy’s settings');
  }
  if (scheme === 'http' || scheme === 'https') {
    // RFC 7617 2: what follows the first colon is the password.
    if (username.includes(':')) throw new UsageError('the user name for an HTTP proxy cannot have a colon');
  } else if (Math.max(Buffer.byteLength(username), Buffer.byteLength(password)) > LONGEST_SOCKS_FIELD) {
    throw new UsageError(
      `a SOCKS proxy takes at most ${LONGEST_SOCKS_FIELD} octets of user name, and of password`,
    );
  }
  if (scheme === 'socks4a' && password !== '') throw new UsageError('SOCKS 4a has no passwords');
  const name = isIP(host) !== 0 ? host : /[^\0-\x7f]/.test(host) ? domainToASCII(host) : host;
  if (!/^[a-z0-9_.-]{1,255}$/i.test(name) && (isIP(name) !== 6 || name.includes('%'))) {
    throw new ConfigError(`${JSON.stringify(host.slice(0, 80))} cannot be reached through a proxy`, {
      stage: 'config',
      hint: 'the proxy needs a host name or an address that means the same to it; or go without a proxy',
    });
  }
  return { host: name, port };
}

/**
 * Has `proxy`, at the other end of `socket`, connect to `target`. What comes from the answered socket, and nothing before
 * that, is the target's. The caller destroys `socket` when `deadline` has passed; `ca` is for a proxy under TLS.
 */
export async function tunnel(
  socket: Socket,
  proxy: ProxyServer,
  target: Peer,
  { ca, deadline }: { readonly ca: string | readonly string[] | undefined; readonly deadline: Deadline },
): Promise<Socket> {
  const lost = (cause?: unknown) =>
    new ConnectionError(
      `${nameOf(proxy)} did not connect to ${where(target)}: ${cause === undefined ? 'it closed the connection' : wording(cause)}`,
      { phase: 'connect', ...target },
      { cause, stage: 'connect', hint: 'it may not serve this machine, that port, or this kind of proxying' },
    );
  if (proxy.scheme === 'socks5' || proxy.scheme === 'socks4a') {
    const { connectBySocks } = await import('./socks.ts');
    await connectBySocks(socket, proxy, target, deadline, lost);
    return socket;
  }
  const { connectByHttp } = await import('./http-connect.ts');
  const link = proxy.scheme === 'https' ? await secured(socket, proxy, ca) : socket;
  await connectByHttp(link, proxy, target, lost);
  return link;
}

async function secured(
  socket: Socket,
  proxy: ProxyServer,
  ca: string | readonly string[] | undefined,
): Promise<Socket> {
  const { handshake, tlsContext } = await import('./tls.ts');
  const options = ca === undefined ? {} : { ca };
  const { secured: link, done } = handshake(socket, proxy.host, options, tlsContext(options));
  try {
    await done;
  } catch (error) {
    link.on('error', () => {});
    if (!(error instanceof TlsError)) throw error;
    throw new TlsError(`${nameOf(proxy)}: ${error.message}`, {
      cause: error,
      certificate: error.certificate,
      hint: 'a proxy under TLS is judged by the same authorities as the server (--tls-ca); http:// is one without TLS',
    });
  }
  link.removeAllListeners('close');
  link.on('error', () => {}); // whoever reads from it hears of it too
  return link;
}
