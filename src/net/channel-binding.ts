import { createHash } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { element } from './der.ts';

/** Octets that both ends of one TLS connection know and nobody between them does (RFC 5056). */
export interface ChannelBinding {
  readonly type: 'tls-exporter' | 'tls-server-end-point';
  readonly data: Uint8Array;
}

/**
 * The binding of a TLS connection: exported keying material on TLS 1.3 (RFC 9266), a hash of the server's certificate
 * before (RFC 5929 4). Absent where the certificate's signature does not say which hash that is.
 */
export function channelBinding(socket: TLSSocket): ChannelBinding | undefined {
  if (socket.getProtocol() === 'TLSv1.3') {
    const data = socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0));
    return { type: 'tls-exporter', data };
  }
  const { raw } = socket.getPeerCertificate();
  const hash = raw === undefined ? undefined : SIGNATURE_HASHES[signatureAlgorithm(raw)];
  if (hash === undefined) return undefined;
  return { type: 'tls-server-end-point', data: createHash(hash).update(raw).digest() };
}

/** Object identifiers, DER in hexadecimal. MD5 and SHA-1 give way to SHA-256 (RFC 5929 4.1). */
const SIGNATURE_HASHES: Readonly<Record<string, string>> = {
  '2a864886f70d010104': 'sha256', // md5WithRSAEncryption
  '2a864886f70d010105': 'sha256', // sha1WithRSAEncryption
  '2a864886f70d01010b': 'sha256', // sha256WithRSAEncryption
  '2a864886f70d01010c': 'sha384',
  '2a864886f70d01010d': 'sha512',
  '2a8648ce3d0401': 'sha256', // ecdsa-with-SHA1
  '2a8648ce3d040302': 'sha256', // ecdsa-with-SHA256
  '2a8648ce3d040303': 'sha384',
  '2a8648ce3d040304': 'sha512',
};

/** The identifier of a certificate's signature algorithm: SEQUENCE { tbsCertificate, SEQUENCE { OID ... (RFC 5280 4.1). */
function signatureAlgorithm(certificate: Buffer): string {
  const signed = element(certificate, element(certificate, 0).content);
  const algorithm = element(certificate, signed.end);
  const identifier = element(certificate, algorithm.content);
  return certificate.subarray(identifier.content, identifier.end).toString('hex');
}
