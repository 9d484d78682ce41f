import { ConnectionError, InterruptedError, type Stage, TimeoutError } from '../errors.ts';
import type { Deadline } from './deadline.ts';
import { codeOf, wording } from './system-error.ts';

/** The other end, with its name for the error text. */
export interface Peer {
  readonly host: string;
  readonly port: number;
}

/** Whether a host is the path of a Unix socket: no name begins with a slash. */
export function isSocketPath(host: string): boolean {
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

/** An established connection that is over; `message` says all of why. */
export function over(
  message: string,
  { host, port }: Peer,
  stage: Stage | undefined,
  cause?: unknown,
): ConnectionError {
  return new ConnectionError(
    message,
    { phase: 'established', host, port },
    stage === undefined ? { cause } : { cause, stage },
  );
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

/** A peer that cannot be reached, from what the system said; `family` is the only one that was looked for. */
export function dialFailure(cause: unknown, { host, port }: Peer, family?: 4 | 6): ConnectionError {
  const peer = { host, port };
  // With several addresses Node reports one error that holds the attempts' own.
  const inner: unknown[] = cause instanceof AggregateError ? cause.errors : [cause];
  const code = codeOf(inner[0]) || codeOf(cause);
  if (code === 'ENOTFOUND' || code === 'EAI_NONAME' || code === 'EAI_NODATA') {
    return new ConnectionError(
      `no such host: ${host}${family === undefined ? '' : ` (in IPv${family})`}`,
      { phase: 'dns', ...peer },
      {
        cause,
        stage: 'dns',
        retryable: false,
        hint: `check the spelling; the name has no address${family === undefined ? '' : ' of this kind'}`,
      },
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
