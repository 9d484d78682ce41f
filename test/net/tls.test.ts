import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type TlsOptions as ServerOptions } from 'node:tls';
import { generate } from 'selfsigned';
import { afterEach, describe, expect, test } from 'vitest';
import { TlsError } from '../../src/errors.ts';
import { Connection } from '../../src/net/connection.ts';
import { publicKeyInfo } from '../../src/net/der.ts';
import type { TlsOptions } from '../../src/net/tls.ts';
import { certificateFor } from '../certificate.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function connected(options: ServerOptions, tls: TlsOptions): Promise<Connection> {
  const server = createServer(options, (socket) => socket.on('error', () => {}));
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => server.close());
  const { port } = server.address() as AddressInfo;
  const connection = await Connection.dial({ host: '127.0.0.1', port, security: 'implicit', tls });
  closers.push(() => connection.close());
  return connection;
}
const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => expect.unreachable('it should have failed'),
    (error: unknown) => error,
  );

/** SHA-256 of the public key as Node's own X.509 reader exports it. */
const keyHash = (pem: string) =>
  createHash('sha256')
    .update(new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64');

describe('the pin of a key', () => {
  test.each(['ec', 'rsa'] as const)('is found in a certificate with %s', async (keyType) => {
    const { cert } = await generate([{ name: 'commonName', value: 'x' }], { keyType } as object);
    const der = new X509Certificate(cert).raw;
    expect(createHash('sha256').update(publicKeyInfo(der)).digest('base64')).toBe(keyHash(cert));
  });

  test('nonsense in place of a certificate has some octets or none, and no error', () => {
    for (const octets of [[], [0x30], [0x30, 0x84, 255, 255, 255, 255], Array<number>(40).fill(0x30)]) {
      expect(publicKeyInfo(Buffer.from(octets)).length).toBeLessThanOrEqual(octets.length);
    }
  });

  test('stands in for the chain, alone or with others', async () => {
    const certificate = await certificateFor();
    const pin = keyHash(certificate.cert);
    const connection = await connected(certificate, { pins: [pin] });
    expect(connection.tls).toMatchObject({ verified: true, certificate: { pin: `sha256//${pin}` } });
    expect(connection.certificateChain[0]?.pin).toBe(`sha256//${pin}`);
    const successor = keyHash((await certificateFor('elsewhere.example')).cert);
    expect((await connected(certificate, { pins: [successor, pin] })).tls?.verified).toBe(true);
  });

  test('of another key is an error that says which one was seen', async () => {
    const certificate = await certificateFor();
    const other = keyHash((await certificateFor('elsewhere.example')).cert);
    // Trusted otherwise, and still not the one.
    for (const tls of [{ pins: [other] }, { pins: [other], ca: certificate.cert }, { pins: [] }]) {
      const error = await failureOf(connected(certificate, tls));
      expect(error).toBeInstanceOf(TlsError);
      expect(error).toMatchObject({
        code: 'ECERT',
        stage: 'tls',
        message: expect.stringContaining(`it has sha256//${keyHash(certificate.cert)}`),
        hint: expect.stringContaining('--tls-pin'),
      });
    }
  });

  test('and a fingerprint must both hold', async () => {
    const certificate = await certificateFor();
    const pins = [keyHash(certificate.cert)];
    const fingerprint = new X509Certificate(certificate.cert).fingerprint256;
    expect((await connected(certificate, { pins, fingerprint })).tls?.verified).toBe(true);
    const wrong = fingerprint.replace(/^../, (octet) => (octet === '00' ? '01' : '00'));
    const error = await failureOf(connected(certificate, { pins, fingerprint: wrong }));
    expect(error).toMatchObject({
      message: expect.stringContaining('is not the pinned one: it has SHA-256'),
    });
  });
});

describe('the oldest version', () => {
  const only = (version: 'TLSv1' | 'TLSv1.1' | 'TLSv1.2') =>
    ({ minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' }) as const;

  test.each([
    ['TLSv1.2', undefined, true],
    ['TLSv1.2', '1.3', false],
    ['TLSv1.1', undefined, false],
    ['TLSv1.1', '1.2', false],
    ['TLSv1.1', '1.1', true],
    ['TLSv1', '1.1', false],
    ['TLSv1', '1.0', true],
  ] as const)('a server that has %s alone, with %s asked for: %s', async (version, minVersion, passes) => {
    const certificate = await certificateFor();
    const tls = { ca: certificate.cert, ...(minVersion === undefined ? {} : { minVersion }) };
    const attempt = connected({ ...certificate, ...only(version) }, tls);
    if (passes) {
      expect((await attempt).tls?.version).toBe(version);
      return;
    }
    expect(await failureOf(attempt)).toMatchObject({
      code: 'ETLS',
      message: expect.stringContaining('does not speak a version of TLS that is accepted here'),
      hint: expect.stringContaining('--tls-min-version'),
    });
  });

  test('a modern server is spoken to in its best version whatever the oldest is', async () => {
    const certificate = await certificateFor();
    const connection = await connected(certificate, { ca: certificate.cert, minVersion: '1.0' });
    expect(connection.tls?.version).toBe('TLSv1.3');
  });
});
