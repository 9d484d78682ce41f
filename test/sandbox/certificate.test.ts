import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Certificate, makeCertificate } from '../../src/sandbox/certificate.ts';

let directory: string;
let certificate: Certificate;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'certificate-test-'));
  certificate = await makeCertificate(directory);
});
afterAll(() => rm(directory, { recursive: true, force: true }));

describe('the throw-away certificate', () => {
  it('is for the loopback names and no other, and does not last', () => {
    const x509 = new X509Certificate(certificate.cert);
    expect(x509.checkHost('localhost')).toBe('localhost');
    expect(x509.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(x509.checkIP('::1')).toBe('::1');
    expect(x509.checkHost('example.org')).toBeUndefined();
    const days = (Date.parse(x509.validTo) - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(80);
    expect(days).toBeLessThan(91);
  });

  it('writes what is to be trusted, and no key, to a private file', async () => {
    const text = await readFile(certificate.caFile, 'utf8');
    expect(text).toBe(certificate.cert);
    expect(text).not.toContain('PRIVATE');
    expect((await stat(certificate.caFile)).mode & 0o777).toBe(0o600);
  });

  it('is trusted by a client that has the file, and by no other', async () => {
    const server = createServer({ key: certificate.key, cert: certificate.cert }, (socket) =>
      socket.end('ok'),
    );
    server.on('tlsClientError', () => {});
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const handshake = (ca?: string) =>
      new Promise<string>((resolve) => {
        const socket = connect({ host: '127.0.0.1', port, ...(ca === undefined ? {} : { ca }) }, () => {
          resolve('trusted');
          socket.destroy();
        });
        socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
      });
    expect(await handshake(certificate.cert)).toBe('trusted');
    expect(await handshake()).toBe('DEPTH_ZERO_SELF_SIGNED_CERT');
    await new Promise((resolve) => server.close(resolve));
  });
});
