import type { Socket } from 'node:net';
import {
  AuthenticationError,
  ConnectionError,
  type MailError,
  ProtocolError,
  RejectedError,
} from '../errors.ts';
import { type Peer, where } from './failures.ts';
import { negotiation } from './negotiation.ts';
import { nameOf, type ProxyServer } from './proxy.ts';
import { quoted } from './system-error.ts';
import { Transcript } from './transcript.ts';

/** All that a proxy may say before it steps aside, in octets. */
const HEAD_LIMIT = 16_384;

/** CONNECT (RFC 9110 9.3.6), with Basic authorization (RFC 7617) where there is a user. */
export async function connectByHttp(
  socket: Socket,
  proxy: ProxyServer,
  target: Peer,
  lost: (cause?: unknown) => MailError,
): Promise<void> {
  const address = where(target);
  const { username, password = '' } = proxy;
  const proof =
    username === undefined ? undefined : Buffer.from(`${username}:${password}`).toString('base64');
  const head = [`CONNECT ${address} HTTP/1.1`, `Host: ${address}`];
  if (proof !== undefined) head.push(`Proxy-Authorization: Basic ${proof}`);
  let held = Buffer.alloc(0);
  let octets = 0;
  const heard = negotiation(
    socket,
    (chunk) => {
      held = Buffer.concat([held, chunk]);
      for (;;) {
        const text = held.subarray(0, HEAD_LIMIT).toString('latin1');
        if (!'HTTP/'.startsWith(text.slice(0, 5))) throw noHttp(proxy, text);
        const end = /\r?\n\r?\n/.exec(text);
        const size = end === null ? held.length : end.index + end[0].length;
        if (octets + size > HEAD_LIMIT) {
          throw new ProtocolError(
            `the answer of ${nameOf(proxy)} has no end within ${HEAD_LIMIT} octets`,
            WRONG_KIND,
          );
        }
        if (end === null) return undefined;
        octets += size;
        held = held.subarray(size);
        const [, code = '', reason = ''] = /^HTTP\/1\.[01] (\d{3})(?: ([^\r\n]*))?\r?\n/.exec(text) ?? [];
        if (code === '') throw noHttp(proxy, text);
        // An interim answer is followed by the one that counts (RFC 9110 15.2).
        if (code.startsWith('1') && code !== '101') continue;
        if (code.startsWith('2')) return held;
        throw refusal(proxy, target, Number(code), withoutSecrets(reason, [password, proof]));
      }
    },
    lost,
  );
  socket.write(`${head.join('\r\n')}\r\n\r\n`);
  await heard;
}

const WRONG_KIND = {
  stage: 'connect',
  hint: 'is it an HTTP proxy? there are socks5:// and socks4a:// as well',
} as const;

function noHttp(proxy: ProxyServer, text: string): ProtocolError {
  const [line = ''] = text.split(/[\r\n]/, 1);
  return new ProtocolError(`${nameOf(proxy)} does not speak HTTP: it says ${quoted(line)}`, WRONG_KIND);
}

/** A proxy may repeat what it was told. */
function withoutSecrets(text: string, secrets: readonly (string | undefined)[]): string {
  const transcript = new Transcript(() => {});
  for (const secret of secrets) if (secret !== undefined) transcript.hide(secret);
  return transcript.redact(text);
}

/** Answers of the proxy that may be another one later. */
const FOR_NOW: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

function refusal(proxy: ProxyServer, target: Peer, code: number, reason: string): MailError {
  const answer = `${code}${reason === '' ? '' : ` ${quoted(reason)}`}`;
  // 401 is for origin servers; some proxies answer a wrong password with it all the same.
  if (code === 407 || code === 401) {
    const known = proxy.username !== undefined;
    return new AuthenticationError(
      `${nameOf(proxy)} ${known ? 'does not accept the user and password' : 'wants a user and a password'}: ${answer}`,
      'BASIC',
      { permanent: true, connectionUsable: false },
      {
        stage: 'connect',
        hint: known
          ? 'check them in MAILTOOL_PROXY; with special characters as % and two digits'
          : 'give them in MAILTOOL_PROXY: http://user:password@host:port',
      },
    );
  }
  const message = `${nameOf(proxy)} does not connect to ${where(target)}: ${answer}`;
  if (FOR_NOW.has(code)) {
    return new ConnectionError(
      message,
      { phase: 'connect', ...target },
      { stage: 'connect', hint: 'it could not reach the server: check host and port, or try again later' },
    );
  }
  return new RejectedError(
    message,
    { permanent: true, connectionUsable: false },
    { stage: 'connect', hint: 'many proxies allow few ports, often only 443: ask who runs it for this one' },
  );
}
