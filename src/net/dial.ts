import { connect, isIP, type LookupFunction, type Socket } from 'node:net';
import { ConfigError, ConnectionError } from '../errors.ts';
import { type Deadline, within } from './deadline.ts';
import { dialFailure, interrupted, isSocketPath, type Peer, timedOut, where } from './failures.ts';
import type { DialOptions } from './options.ts';

/** Node gives each address 250 ms by default, which fails on a slow line (nodejs/node#54359). */
const ATTEMPT_TIMEOUT_MS = 5_000;

/** A new buffer for every read would have the collector let tens of megabytes pile up. */
const READ_OCTETS = 256 * 1024;

/**
 * Looks the name up as every other program does (getaddrinfo: hosts file, VPN and container names work) and tries all
 * addresses in turn until `deadline`; with a proxy, does so with the proxy's name and is put through by it. `meanwhile`
 * runs while the first packets are under way. Plain text that no proxy passes on is read into one buffer over and over:
 * `receive` gets each piece of it, and unless it says true the socket pauses until it is resumed.
 */
export async function dial(
  options: DialOptions,
  deadline: Deadline,
  meanwhile: () => Promise<void>,
  receive: (chunk: Buffer) => boolean,
): Promise<Socket> {
  const { proxy, signal } = options;
  checkReach(options);
  const through = proxy === undefined ? undefined : await import('./proxy.ts');
  const target = proxy === undefined ? undefined : through?.targetOf(proxy, options);
  const hop: Peer = proxy ?? options;
  let step = { awaited: `connect to ${where(hop)}`, hint: undefined as string | undefined };
  const socket = connect({
    ...(isSocketPath(hop.host) ? { path: hop.host } : { host: hop.host, port: hop.port }),
    ...(await sourceOf(options)),
    noDelay: true,
    keepAlive: true,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: ATTEMPT_TIMEOUT_MS,
    ...(proxy === undefined ? { onread: readingInto(receive) } : {}),
  });
  const connected = new Promise<Socket>((resolve, reject) => {
    socket.once('connect', () => resolve(socket));
    socket.on('error', (error) => reject(hopFailure(error, hop, options)));
  });
  const reached = connected.then(async () => {
    if (proxy === undefined || target === undefined || through === undefined) return socket;
    step = {
      awaited: `be put through to ${where(target)} by ${through.nameOf(proxy)}`,
      hint: 'the proxy took the connection: is it that kind of proxy, and can it reach the server?',
    };
    return through.tunnel(socket, proxy, target, { ca: options.tls?.ca, deadline });
  });
  try {
    const [ready] = await within(
      Promise.all([reached, meanwhile()]),
      { deadline, signal },
      () => timedOut(step.awaited, deadline, hop, 'connect', step.hint),
      interrupted,
    );
    ready.removeAllListeners('error');
    return ready;
  } catch (error) {
    socket.on('error', () => {}); // what else an abandoned socket has to say is of no use
    socket.destroy();
    throw error;
  }
}

function readingInto(receive: (chunk: Buffer) => boolean) {
  return {
    buffer: Buffer.allocUnsafe(READ_OCTETS),
    callback(octets: number, buffer: Uint8Array) {
      return receive(Buffer.from(buffer.buffer, buffer.byteOffset, octets));
    },
  };
}

/** ConfigError for what cannot be reached in the way that is wanted. */
function checkReach({ host, security, tls, proxy, localAddress, family }: DialOptions): void {
  const refuse = (message: string, hint: string) => {
    throw new ConfigError(message, { stage: 'config', hint });
  };
  const source = localAddress === undefined ? 0 : isIP(localAddress);
  if (localAddress !== undefined && source === 0) {
    refuse(
      `${JSON.stringify(localAddress.slice(0, 80))} is no address to connect from`,
      'give an IP address',
    );
  }
  if (isSocketPath(host)) {
    if (security !== 'none' && tls?.servername === undefined) {
      refuse(
        'TLS over a Unix socket has no name to check the certificate by',
        'turn TLS off: nobody but this machine listens there; or give the name',
      );
    }
    if (proxy !== undefined || localAddress !== undefined) {
      refuse(
        `a Unix socket is reached without ${proxy === undefined ? 'an address of ours' : 'a proxy'}`,
        proxy === undefined ? 'leave the address out' : '--proxy none goes without the proxy',
      );
    }
    return;
  }
  const literal = isIP((proxy ?? { host }).host);
  const wanted = family ?? (source === 0 ? undefined : source);
  for (const [address, its] of [
    [(proxy ?? { host }).host, literal],
    [localAddress, source],
  ] as const) {
    if (its === 0 || wanted === undefined || its === wanted) continue;
    refuse(
      `${address} is an address of IPv${its}, and IPv${wanted} is to be used`,
      'host, address to connect from, --ipv4 and --ipv6 have to agree',
    );
  }
}

/** What decides on the addresses of both ends. */
async function sourceOf({ localAddress, family }: DialOptions): Promise<{
  readonly localAddress?: string;
  readonly family?: number;
  readonly lookup?: LookupFunction;
}> {
  if (localAddress !== undefined) return { localAddress, family: isIP(localAddress) };
  if (family === undefined) return {};
  const { lookup } = await import('node:dns');
  // With the option of that name Node would try but the first of several addresses.
  return { lookup: (host, options, done) => lookup(host, { ...options, family }, done) };
}

function hopFailure(cause: Error, hop: Peer, { proxy, localAddress, family }: DialOptions) {
  if ('syscall' in cause && cause.syscall === 'bind') {
    return new ConfigError(`cannot connect from ${localAddress}: this machine does not have that address`, {
      cause,
      stage: 'connect',
      hint: 'give an address of one of its interfaces, or none',
    });
  }
  const failure = dialFailure(cause, hop, family);
  if (proxy === undefined) return failure;
  return new ConnectionError(
    `the ${proxy.scheme} proxy is not reached: ${failure.message}`,
    { phase: failure.phase, ...hop },
    {
      cause,
      stage: failure.stage ?? 'connect',
      retryable: failure.retryable,
      hint: 'check --proxy or MAILTOOL_PROXY; --proxy none goes without it',
    },
  );
}
