import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import * as tls from 'node:tls';
import { domainToASCII } from 'node:url';
import { type PeerCertificate, TlsError } from '../errors.ts';
import { type ChannelBinding, channelBinding } from './channel-binding.ts';
import { publicKeyInfo } from './der.ts';
import { codeOf } from './system-error.ts';

/** How a connection is protected: TLS from the first octet, by STARTTLS/STLS (or not at all), or never. */
export type Security = 'implicit' | 'starttls' | 'none';

export interface TlsOptions {
  /** Certificates (PEM) to trust in place of the built-in roots. */
  readonly ca?: string | readonly string[];
  /** The name to expect in the certificate; the host that was dialled when absent. */
  readonly servername?: string;
  /** Accept any certificate. Never a default. */
  readonly insecure?: boolean;
  /** Accept exactly the certificate with this SHA-256 (hexadecimal, colons ignored), whoever issued it. */
  readonly fingerprint?: string;
  /** Accept exactly a certificate with one of these public keys (SHA-256 in base64, RFC 7469 2.4), whoever issued it. */
  readonly pins?: readonly string[];
  /** The oldest version to accept, 1.2 when absent. */
  readonly minVersion?: '1.0' | '1.1' | '1.2' | '1.3';
  /** Client certificate and key, PEM. */
  readonly cert?: string;
  readonly key?: string;
}

export interface TlsInfo {
  /** As in `TLSv1.3`. */
  readonly version: string;
  readonly cipher: string;
  /** False only with `insecure`. */
  readonly verified: boolean;
  readonly certificate: PeerCertificate | undefined;
}

/**
 * What a handshake needs besides the socket. Making it parses the trusted roots, the longest part of a short run: it is
 * made while the connection is under way.
 */
export function tlsContext(options: TlsOptions): tls.SecureContext {
  try {
    return tls.createSecureContext({
      ...oldest(options.minVersion),
      ...(options.ca === undefined
        ? {}
        : { ca: typeof options.ca === 'string' ? options.ca : [...options.ca] }),
      ...(options.cert === undefined ? {} : { cert: options.cert }),
      ...(options.key === undefined ? {} : { key: options.key }),
    });
  } catch (cause) {
    throw new TlsError(`the CA, certificate or key given for TLS cannot be used: ${reason(cause)}`, {
      cause,
      hint: 'they must be PEM files, and the key must belong to the certificate',
    });
  }
}

function oldest(version: TlsOptions['minVersion'] = '1.2'): tls.SecureContextOptions {
  if (version === '1.2' || version === '1.3') return { minVersion: `TLSv${version}` };
  // Their signatures are too weak for any other security level of OpenSSL 3.
  return { minVersion: version === '1.0' ? 'TLSv1' : 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' };
}

/** A handshake under way. */
export interface Handshake {
  readonly secured: tls.TLSSocket;
  readonly done: Promise<TlsInfo>;
  /** What ties a log-in to this connection, once it is done. */
  binding(): ChannelBinding | undefined;
  /** The peer's certificate, then each issuer that is known, once it is done; to be asked for while it is open. */
  chain(): PeerCertificate[];
}

/**
 * Puts TLS over `socket` and resolves when the peer has proved to be `host` (RFC 6125), or has the pinned certificate.
 * The caller watches the time and destroys `socket` when it is over.
 */
export function handshake(
  socket: Socket,
  host: string,
  options: TlsOptions,
  context: tls.SecureContext,
): Handshake {
  const name = aLabels(options.servername ?? host);
  const isPinned = options.fingerprint !== undefined || options.pins !== undefined;
  const secured = tls.connect({
    socket,
    secureContext: context,
    host: name,
    ...(isAddress(name) ? {} : { servername: name }),
    // A pin is checked below, and stands in for the chain; nothing else turns the check off but the explicit wish.
    rejectUnauthorized: !isPinned && options.insecure !== true,
  });
  const done = new Promise<TlsInfo>((resolve, reject) => {
    let certificate: PeerCertificate | undefined;
    // Runs before Node judges the certificate, so that a refusal can say what was presented.
    secured.prependOnceListener('secure', () => {
      certificate = describe(secured);
    });
    secured.once('secureConnect', () => {
      certificate ??= describe(secured);
      const mismatch = pinMismatch(options, name, certificate);
      if (mismatch !== undefined) {
        secured.destroy();
        reject(mismatch);
        return;
      }
      resolve({
        version: secured.getProtocol() ?? 'unknown',
        cipher: secured.getCipher().name,
        verified: secured.authorized || isPinned,
        certificate,
      });
    });
    secured.once('error', (cause) => reject(tlsFailure(cause, name, certificate)));
    secured.once('close', () =>
      reject(new TlsError(`${name} closed the connection during the TLS handshake`, HANG_UP)),
    );
  });
  return { secured, done, binding: () => channelBinding(secured), chain: () => chainOf(secured) };
}

function pinMismatch(
  { fingerprint, pins }: TlsOptions,
  name: string,
  certificate: PeerCertificate | undefined,
): TlsError | undefined {
  if (fingerprint !== undefined && certificate?.sha256 !== fingerprint.replaceAll(':', '').toLowerCase()) {
    return new TlsError(
      `the certificate of ${name} is not the pinned one: it has SHA-256 ${certificate?.sha256 ?? 'none'}`,
      { certificate, hint: 'if the server has changed its certificate on purpose, pin the new fingerprint' },
    );
  }
  if (pins !== undefined && !pins.some((pin) => certificate?.pin === `${PIN_PREFIX}${pin}`)) {
    return new TlsError(
      `the key of ${name} is not ${pins.length > 1 ? 'one of the pinned ones' : 'the pinned one'}: it has ${certificate?.pin ?? 'none'}`,
      { certificate, hint: 'if the server has changed its key on purpose, pin the new one (--tls-pin)' },
    );
  }
  return undefined;
}

const HANG_UP = {
  retryable: true,
  hint: 'the port may not speak TLS, or refuses this version of it',
} as const;

function describe(socket: tls.TLSSocket): PeerCertificate | undefined {
  return described(socket.getPeerCertificate());
}

const PIN_PREFIX = 'sha256//';

/** A longer one is nobody's honest chain. */
const LONGEST_CHAIN = 10;

function chainOf(socket: tls.TLSSocket): PeerCertificate[] {
  const chain: PeerCertificate[] = [];
  let at: tls.DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  while (at !== undefined && chain.length < LONGEST_CHAIN) {
    const certificate = described(at);
    if (certificate === undefined) break;
    chain.push(certificate);
    // A root is its own issuer.
    at = at.issuerCertificate === at ? undefined : at.issuerCertificate;
  }
  return chain;
}

function described(peer: tls.PeerCertificate | null): PeerCertificate | undefined {
  if (peer === null || peer.raw === undefined) return undefined;
  const name = (entity: tls.Certificate | undefined) =>
    [entity?.CN ?? entity?.O ?? 'unnamed'].flat().join(', ');
  const date = (text: string) => {
    const at = new Date(text);
    return Number.isNaN(at.getTime()) ? text : at.toISOString();
  };
  return {
    subject: name(peer.subject),
    altNames: (peer.subjectaltname ?? '').split(', ').filter((entry) => entry !== ''),
    issuer: name(peer.issuer),
    validFrom: date(peer.valid_from),
    validTo: date(peer.valid_to),
    sha256: peer.fingerprint256.replaceAll(':', '').toLowerCase(),
    pin: `${PIN_PREFIX}${createHash('sha256').update(publicKeyInfo(peer.raw)).digest('base64')}`,
  };
}

/** Node's codes for a certificate that was looked at and not accepted. */
const CERTIFICATE_CODES: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'is issued by a CA that is not trusted here',
  UNABLE_TO_GET_ISSUER_CERT: 'has an issuer that is not known here',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'has an issuer that is not known here',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'has an issuer that is not known here',
  CERT_HAS_EXPIRED: 'has expired',
  CERT_NOT_YET_VALID: 'is not valid yet',
  CERT_UNTRUSTED: 'is not trusted',
  CERT_REVOKED: 'has been revoked',
  INVALID_PURPOSE: 'is not for servers',
  ERR_TLS_CERT_ALTNAME_INVALID: 'is for another name',
};

function tlsFailure(cause: unknown, name: string, certificate: PeerCertificate | undefined): TlsError {
  const code = codeOf(cause);
  const problem = CERTIFICATE_CODES[code];
  if (problem !== undefined) {
    const seen =
      certificate === undefined
        ? ''
        : ` (for ${certificate.altNames.join(', ') || certificate.subject}; issued by ${certificate.issuer}; valid until ${certificate.validTo.slice(0, 10)})`;
    return new TlsError(`the certificate of ${name} ${problem}${seen}`, {
      cause,
      certificate,
      hint: certificateHint(code, certificate),
    });
  }
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG') {
    return new TlsError(`${name} does not speak TLS here: its answer to the handshake is not TLS`, {
      cause,
      hint: 'this port speaks plain text first: use starttls in place of implicit TLS, or the port for implicit TLS (465, 995)',
    });
  }
  if (code === 'ERR_SSL_UNSUPPORTED_PROTOCOL' || code === 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION') {
    return new TlsError(`${name} does not speak a version of TLS that is accepted here`, {
      cause,
      hint: 'the server is too old, or --tls-min-version asks for too much; 1.0 and 1.1 have to be asked for, and are broken',
    });
  }
  if (code === 'ECONNRESET' || code === 'EPIPE') {
    return new TlsError(`${name} closed the connection during the TLS handshake`, { cause, ...HANG_UP });
  }
  return new TlsError(`the TLS handshake with ${name} failed: ${reason(cause)}`, { cause });
}

function certificateHint(code: string, certificate: PeerCertificate | undefined): string {
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return 'connect by a name that the certificate carries';
  if (code === 'CERT_HAS_EXPIRED')
    return "the server's operator has to renew it; a wrong clock here looks the same";
  const pin = certificate === undefined ? '' : `, or pin it: --tls-fingerprint ${certificate.sha256}`;
  return `if you trust the server, give its CA with --tls-ca FILE${pin}`;
}

/** A domain as DNS and certificates spell it (RFC 5890 2.3.2.1, RFC 6125 6.4.2). */
function aLabels(name: string): string {
  return /[^\0-\x7f]/.test(name) ? domainToASCII(name) || name : name;
}

function isAddress(name: string): boolean {
  return /^[\d.]+$/.test(name) || name.includes(':');
}

/** The last part of an OpenSSL error text, which is the part that says something. */
function reason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const parts = message.split(':').map((part) => part.trim());
  return message.startsWith('error:') || parts.length > 5 ? (parts[5] ?? message) : message;
}
