import { connect, type Socket } from 'node:net';
import { ConfigError, ConnectionError, InterruptedError, type Stage, TimeoutError } from '../errors.ts';
import { type Deadline, within } from './deadline.ts';
import type { DialOptions } from './options.ts';
import { codeOf, wording } from './system-error.ts';

/** Node gives each address 250 ms by default, which fails on a slow line (nodejs/node#54359). */
const ATTEMPT_TIMEOUT_MS = 5_000;

/** A new buffer for every read would have the collector let tens of megabytes pile up. */
const READ_OCTETS = 256 * 1024;

/** The phase of a connection that a failure belongs to, with the peer's name for the error text. */
export interface Peer {
  readonly host: string;
  readonly port: number;
}

/**
 * Looks the name up as every other program does (getaddrinfo: hosts file, VPN and container names work) and tries all
 * addresses in turn until `deadline`. `meanwhile` runs while the first packets are under way. Plain text is read into one
 * buffer over and over: `receive` gets each piece of it, and unless it says true the socket pauses until it is resumed.
 */
export async function dial(
  options: DialOptions,
  deadline: Deadline,
  meanwhile: () => Promise<void>,
  receive: (chunk: Buffer) => boolean,
): Promise<Socket> {
  const { host, port, signal } = options;
  if (isSocketPath(host) && options.security !== 'none' && options.tls?.servername === undefined) {
    throw new ConfigError('TLS over a Unix socket has no name to check the certificate by', {
      stage: 'config',
      hint: 'turn TLS off: nobody but this machine listens there; or give the name',
    });
  }
  const socket = connect({
    ...(isSocketPath(host) ? { path: host } : { host, port }),
    noDelay: true,
    keepAlive: true,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: ATTEMPT_TIMEOUT_MS,
    onread: {
      buffer: Buffer.allocUnsafe(READ_OCTETS),
      callback(octets, buffer) {
        return receive(Buffer.from(buffer.buffer, buffer.byteOffset, octets));
      },
    },
  });
  const connected = new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', (error) => reject(dialFailure(error, options)));
  });
  try {
    const both = Promise.all([connected, meanwhile()]);
    await within(
      both,
      { deadline, signal },
      () => timedOut(`connect to ${where(options)}`, deadline, options, 'connect'),
      interrupted,
    );
  } catch (error) {
    socket.on('error', () => {}); // what else an abandoned socket has to say is of no use
    socket.destroy();
    throw error;
  }
  socket.removeAllListeners('error');
  return socket;
}

/** Whether a host is the path of a Unix socket: no name begins with a slash. */
function isSocketPath(host: string): boolean {
  return host.startsWith('/');
}

/** A peer as people write it. */
export function where({ host, port }: Peer): string {
  if (isSocketPath(host)) return host;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

export function interrupted(): InterruptedError {
  return new InterruptedError('interrupted');
}

/** A passed deadline, in words that say whether it was this wait's or the whole run's. */
export function timedOut(
  awaited: string,
  deadline: Deadline,
  peer: Peer,
  stage?: Stage,
  hint?: string,
): TimeoutError {
  const seconds = Math.round(deadline.spanMs / 100) / 10;
  return new TimeoutError(
    `timed out after ${seconds} s, waiting to ${awaited}`,
    { phase: stage === 'connect' ? 'connect' : 'established', host: peer.host, port: peer.port },
    {
      ...(stage === undefined ? {} : { stage }),
      hint: hint ?? (stage === 'connect' ? blockedPortHint(peer.port) : undefined),
    },
  );
}

function blockedPortHint(port: number): string {
  return port === 25
    ? 'many networks block outgoing port 25: use the submission port 587 or 465'
    : 'check host and port; a firewall may drop the packets';
}

function dialFailure(cause: unknown, peer: Peer): ConnectionError {
  // With several addresses Node reports one error that holds the attempts' own.
  const inner: unknown[] = cause instanceof AggregateError ? cause.errors : [cause];
  const code = codeOf(inner[0]) || codeOf(cause);
  if (code === 'ENOTFOUND' || code === 'EAI_NONAME' || code === 'EAI_NODATA') {
    return new ConnectionError(
      `no such host: ${peer.host}`,
      { phase: 'dns', ...peer },
      { cause, stage: 'dns', retryable: false, hint: 'check the spelling; the name has no address' },
    );
  }
  if (code === 'EAI_AGAIN' || code === 'EAI_FAIL' || code === 'ETIMEOUT') {
    return new ConnectionError(
      `the name ${peer.host} cannot be looked up now (${code})`,
      // Not 'dns' as a phase: the name may well exist, so trying later is right.
      { phase: 'connect', ...peer },
      { cause, stage: 'dns', hint: 'the name server does not answer; is the network up?' },
    );
  }
  const tried = inner.length > 1 ? ` (${inner.length} addresses tried)` : '';
  return new ConnectionError(
    `cannot connect to ${where(peer)}: ${wording(inner[0] ?? cause)}${tried}`,
    { phase: 'connect', ...peer },
    {
      cause,
      stage: 'connect',
      hint: code === 'ECONNREFUSED' ? 'nothing listens there: check host and port' : undefined,
    },
  );
}
