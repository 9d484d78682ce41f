import type { Deadline } from './deadline.ts';
import type { ProxyServer } from './proxy.ts';
import type { Security, TlsOptions } from './tls.ts';
import type { Transcript } from './transcript.ts';

/** Where and how to connect, and how long to wait: what every protocol's client needs. */
export interface DialOptions {
  /** A name, an address, or the path of a Unix socket, which begins with a slash: `port` then means nothing. */
  readonly host: string;
  readonly port: number;
  readonly security: Security;
  readonly tls?: TlsOptions | undefined;
  /** Goes through it. The proxy looks `host` up; `family` and `localAddress` are then those of the way to the proxy. */
  readonly proxy?: ProxyServer | undefined;
  /** An address of this machine to connect from. Of a host with several addresses only the first is tried then. */
  readonly localAddress?: string | undefined;
  /** IPv4 alone, or IPv6 alone. Both when absent. */
  readonly family?: 4 | 6 | undefined;
  /** For name lookup, all addresses, a proxy and the handshake of implicit TLS together. 20 s when absent. */
  readonly connectTimeoutMs?: number | undefined;
  /** For one reply, or for a body to move on. The protocol's own patience, 60 s or what its RFC says, when absent. */
  readonly idleTimeoutMs?: number | undefined;
  /** No wait goes beyond it. */
  readonly deadline?: Deadline | undefined;
  readonly transcript?: Transcript | undefined;
  /** Ends every wait with an `InterruptedError` and closes the connection. */
  readonly signal?: AbortSignal | undefined;
}

export const CONNECT_TIMEOUT_MS = 20_000;
export const IDLE_TIMEOUT_MS = 60_000;
