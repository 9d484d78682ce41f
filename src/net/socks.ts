import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import {
  AuthenticationError,
  ConnectionError,
  type MailError,
  ProtocolError,
  RejectedError,
} from '../errors.ts';
import type { Deadline } from './deadline.ts';
import { type Peer, where } from './failures.ts';
import { negotiation } from './negotiation.ts';
import { nameOf, type ProxyServer } from './proxy.ts';

/** The caller watches the time, and comes first; the library never clears its own timer, which holds on to all it knows. */
const GRACE_MS = 1_000;
/** What a timer can count to. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** SOCKS 5 (RFC 1928, 1929) or 4a. */
export async function connectBySocks(
  socket: Socket,
  proxy: ProxyServer,
  target: Peer,
  deadline: Deadline,
  lost: (cause?: unknown) => MailError,
): Promise<void> {
  const { SocksClient } = await import('socks');
  // The library gets one octet after another, and so none of those that follow its last: they are the mail server's.
  const wire = new Duplex({ read() {}, write: (chunk, _, done) => void socket.write(chunk, done) });
  const client = new SocksClient({
    command: 'connect',
    proxy: {
      host: proxy.host,
      port: proxy.port,
      type: proxy.scheme === 'socks5' ? 5 : 4,
      ...(proxy.username === undefined ? {} : { userId: proxy.username }),
      ...(proxy.password === undefined ? {} : { password: proxy.password }),
    },
    destination: { host: target.host, port: target.port },
    timeout: Math.min(Math.ceil(deadline.remainingMs) + GRACE_MS, LONGEST_TIMER_MS),
  });
  let done = false;
  let failed: MailError | undefined;
  const failure = new Promise<never>((_, reject) => {
    client.on('error', (error) => {
      // Not as a cause: the library's errors carry the password.
      failed ??= refusal(proxy, target, error.message);
      reject(failed);
    });
  });
  client.once('established', () => {
    done = true;
  });
  const heard = negotiation(
    socket,
    (chunk) => {
      for (let at = 0; at < chunk.length; at++) {
        wire.emit('data', chunk.subarray(at, at + 1));
        if (failed !== undefined) throw failed;
        if (done) return chunk.subarray(at + 1);
      }
      return undefined;
    },
    lost,
  );
  try {
    client.connect(wire);
    await Promise.race([heard, failure]);
  } finally {
    failure.catch(() => {});
    heard.catch(() => {});
    wire.destroy();
  }
}

/** What the library says of a proxy's refusal, in its own word for the code. */
const WORDS: Readonly<Record<string, string>> = {
  Failure: 'it failed',
  NetworkUnreachable: 'the network cannot be reached from there',
  HostUnreachable: 'the host is not known there, or cannot be reached',
  ConnectionRefused: 'connection refused',
  TTLExpired: 'the way is too long',
  Failed: 'it refused, or failed',
};

function refusal(proxy: ProxyServer, target: Peer, text: string): MailError {
  const refused = `${nameOf(proxy)} does not connect to ${where(target)}`;
  const code = / - \(?(\w+)\)?$/.exec(text)?.[1];
  if (code !== undefined && WORDS[code] !== undefined) {
    return new ConnectionError(
      `${refused}: ${WORDS[code]}`,
      { phase: 'connect', ...target },
      {
        stage: 'connect',
        hint: 'the proxy looks the name up and connects: check host and port of the server',
      },
    );
  }
  if (code === 'NotAllowed') {
    return new RejectedError(
      `${refused}: its rules do not allow that`,
      { permanent: true, connectionUsable: false },
      { stage: 'connect', hint: 'ask who runs it for this host and port' },
    );
  }
  if (code === 'CommandNotSupported' || code === 'AddressNotSupported') {
    const what = code === 'CommandNotSupported' ? 'CONNECT' : 'this kind of address';
    return new RejectedError(
      `${refused}: it does not know ${what}`,
      { permanent: true, connectionUsable: false },
      { stage: 'connect' },
    );
  }
  const unknownUser = code === 'Rejected' || code === 'RejectedIdent';
  if (unknownUser || /authentication failed|no accepted authentication/i.test(text)) {
    const known = proxy.username !== undefined;
    return new AuthenticationError(
      `${nameOf(proxy)} ${known ? `does not accept the user${unknownUser ? '' : ' and password'}` : 'wants a log-in'}`,
      'SOCKS',
      { permanent: true, connectionUsable: false },
      {
        stage: 'connect',
        hint: known
          ? 'check them in MAILTOOL_PROXY; with special characters as % and two digits'
          : `give user and password in MAILTOOL_PROXY: ${proxy.scheme}://user:password@host:port`,
      },
    );
  }
  return new ProtocolError(`${nameOf(proxy)} does not speak SOCKS as it should`, {
    stage: 'connect',
    hint: 'is it this kind of proxy? there are socks5://, socks4a:// and http://',
  });
}
