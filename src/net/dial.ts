import { connect, type Socket } from 'node:net';
import { ConfigError } from '../errors.ts';
import { type Deadline, within } from './deadline.ts';
import { dialFailure, interrupted, isSocketPath, timedOut, where } from './failures.ts';
import type { DialOptions } from './options.ts';

/** Node gives each address 250 ms by default, which fails on a slow line (nodejs/node#54359). */
const ATTEMPT_TIMEOUT_MS = 5_000;

/** A new buffer for every read would have the collector let tens of megabytes pile up. */
const READ_OCTETS = 256 * 1024;

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
