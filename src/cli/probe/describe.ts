import type { PeerCertificate } from '../../errors.ts';
import type { TlsInfo } from '../../net/tls.ts';

const DAY_MS = 86_400_000;

/** Whole days until the certificate is no longer valid; negative when it is not any more. */
export function daysLeft(certificate: PeerCertificate, now: number = Date.now()): number {
  return Math.floor((Date.parse(certificate.validTo) - now) / DAY_MS);
}

export function certificateFields(certificate: PeerCertificate): Record<string, unknown> {
  return { ...certificate, daysLeft: daysLeft(certificate) };
}

/** `chain`: the server's certificate, and its issuers after it. */
export function tlsFields(
  tls: TlsInfo | undefined,
  chain: readonly PeerCertificate[],
): Record<string, unknown> | null {
  if (tls === undefined) return null;
  const { version, cipher, verified, certificate } = tls;
  return {
    version,
    cipher,
    verified,
    certificate: certificate === undefined ? null : certificateFields(certificate),
    chain: chain.map(certificateFields),
  };
}

/** `STARTTLS`, `SIZE 26214400`. */
export function capabilityLines(capabilities: ReadonlyMap<string, string>): string[] {
  return [...capabilities].map(([keyword, parameters]) =>
    parameters === '' ? keyword : `${keyword} ${parameters}`,
  );
}

function validity({ validFrom, validTo }: PeerCertificate, left: number): string {
  const end = left < 0 ? `expired ${-left} days ago` : `${left} days left`;
  return `${validFrom.slice(0, 10)} to ${validTo.slice(0, 10)} (${end})`;
}

/** A row for a certificate of the chain above the server's own. */
export function issuerRow(certificate: PeerCertificate): readonly [label: string, text: string] {
  return ['  chain', `${certificate.subject}, ${validity(certificate, daysLeft(certificate))}`];
}

/** Rows of a label and what belongs to it, one line each. */
export function certificateRows(certificate: PeerCertificate): (readonly [label: string, text: string])[] {
  return [
    [
      'certificate',
      certificate.altNames.map((name) => name.replace(/^(?:DNS|IP Address):/, '')).join(', ') ||
        certificate.subject,
    ],
    ['  issuer', certificate.issuer],
    ['  valid', validity(certificate, daysLeft(certificate))],
    ['  SHA-256', certificate.sha256],
    ['  key', certificate.pin],
  ];
}
