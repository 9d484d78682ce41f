/** A throw-away certificate for the loopback names. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface Certificate {
  /** PEM. The key is only ever in memory. */
  readonly key: string;
  readonly cert: string;
  /** The file to trust: holds the same certificate. */
  readonly caFile: string;
}

const DAY = 86_400_000;
const LIFETIME_DAYS = 90;

/**
 * Makes a certificate that is good for `localhost`, 127.0.0.1 and ::1 from yesterday (clocks differ) for 90 days,
 * and writes it to `ca.pem` (mode 0600) in `directory`.
 */
export async function makeCertificate(directory: string): Promise<Certificate> {
  const { generate } = await import('selfsigned');
  const now = Date.now();
  const made = await generate([{ name: 'commonName', value: 'mailtool sandbox' }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    notBeforeDate: new Date(now - DAY),
    notAfterDate: new Date(now + LIFETIME_DAYS * DAY),
    extensions: [
      // Signed by itself, so it is its own authority: verifiers differ in whether they ask for both.
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', digitalSignature: true, keyCertSign: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 7, ip: '127.0.0.1' },
          { type: 7, ip: '::1' },
        ],
      },
    ],
  });
  const caFile = join(directory, 'ca.pem');
  await writeFile(caFile, made.cert, { mode: 0o600, flag: 'wx' });
  return { key: made.private, cert: made.cert, caFile };
}
