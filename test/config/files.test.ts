import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { MAX_ENV_FILE, readEnvFiles } from '../../src/config/env-files.ts';
import { readTlsFiles } from '../../src/config/tls-files.ts';
import { ConfigError } from '../../src/errors.ts';

const root = mkdtempSync(join(tmpdir(), 'mailtool-files-'));
afterAll(() => rmSync(root, { recursive: true }));
let count = 0;
function directory(): string {
  const path = join(root, `d${count++}`);
  mkdirSync(path);
  return path;
}
function put(path: string, content: string | Uint8Array, mode = 0o600): string {
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

describe('.env files', () => {
  it('are none, ./.env, or those that are named', async () => {
    const where = directory();
    expect(await readEnvFiles({ named: [], directory: where })).toEqual([]);
    put(join(where, '.env'), 'A=1');
    const a = put(join(where, 'a'), 'A=2');
    const b = put(join(where, 'b'), 'A=3');
    expect(await readEnvFiles({ named: [], directory: where })).toEqual([
      { path: './.env', text: 'A=1', named: false },
    ]);
    expect(await readEnvFiles({ named: [a, b], directory: where })).toEqual([
      { path: a, text: 'A=2', named: true },
      { path: b, text: 'A=3', named: true },
    ]);
    expect(await readEnvFiles({ named: [], none: true, directory: where })).toEqual([]);
    expect(await readEnvFiles({ named: [a], none: true, directory: where })).toEqual([]);
  });

  it('that are directories, FIFOs or dangling links are no ./.env', async () => {
    const [one, two, three] = [directory(), directory(), directory()];
    mkdirSync(join(one, '.env'));
    execFileSync('mkfifo', [join(two, '.env')]);
    symlinkSync('/not/there', join(three, '.env'));
    for (const where of [one, two, three])
      expect(await readEnvFiles({ named: [], directory: where })).toEqual([]);
  });

  it('are read through a link, and without a byte order mark', async () => {
    const where = directory();
    put(join(where, 'real'), '\ufeffA=1');
    symlinkSync('real', join(where, '.env'));
    expect(await readEnvFiles({ named: [], directory: where })).toMatchObject([{ text: 'A=1' }]);
  });

  it.each([
    [MAX_ENV_FILE, true],
    [MAX_ENV_FILE + 1, false],
  ])('of %i bytes: %s', async (size, fine) => {
    const where = directory();
    const path = put(join(where, '.env'), 'x'.repeat(size));
    for (const choice of [{ named: [], directory: where }, { named: [path] }]) {
      const result = await readEnvFiles(choice).catch((error: unknown) => error);
      if (fine) expect(result).toMatchObject([{ text: 'x'.repeat(size) }]);
      else expect(result).toMatchObject({ message: expect.stringContaining('longer than 65536 bytes') });
    }
  });

  it('that are named must be there, and be text', async () => {
    const where = directory();
    const binary = put(join(where, 'binary'), Buffer.from([0xff, 0xfe, 0]));
    for (const [path, reason] of [
      [join(where, 'none'), 'there is no such file'],
      [where, 'it is a directory'],
      [binary, 'it is not UTF-8 text'],
      ['/dev/zero', 'longer than 65536 bytes'],
    ] as const) {
      const error = await readEnvFiles({ named: [path] }).catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(ConfigError);
      expect(error).toMatchObject({
        message: expect.stringContaining(reason),
        hint: expect.stringContaining('--env-file'),
      });
    }
  });
});

describe('TLS files', () => {
  const certificate = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
  const warn = () => expect.unreachable('a warning');
  const named = (path: string) => ({ path, place: 'flag --tls-x' });

  it('are read', async () => {
    const where = directory();
    const ca = named(put(join(where, 'ca'), `# comment\n${certificate}`, 0o644));
    const cert = named(put(join(where, 'cert'), certificate, 0o644));
    for (const label of ['PRIVATE KEY', 'RSA PRIVATE KEY', 'EC PRIVATE KEY', 'ENCRYPTED PRIVATE KEY']) {
      const text = `-----BEGIN ${label}-----\n`;
      const key = named(put(join(where, 'key'), text));
      expect(await readTlsFiles({ ca, cert, key, fingerprint: 'ab', insecure: true }, { warn })).toEqual({
        ca: `# comment\n${certificate}`,
        cert: certificate,
        key: text,
        fingerprint: 'ab',
        insecure: true,
      });
    }
    expect(await readTlsFiles({}, { warn })).toEqual({});
  });

  it('are refused when they are not what they should be', async () => {
    const where = directory();
    const other = put(join(where, 'other'), '-----BEGIN PUBLIC KEY-----\n');
    for (const [path, reason] of [
      [join(where, 'none'), 'there is no such file'],
      [where, 'it is a directory'],
      [other, 'has no certificate in PEM form'],
      ['/dev/zero', 'is larger than'],
    ] as const) {
      const error = await readTlsFiles({ ca: named(path) }, { warn }).catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(ConfigError);
      expect(error).toMatchObject({ message: expect.stringMatching(/^flag --tls-x: /) });
      expect(String(error)).toContain(reason);
    }
    await expect(readTlsFiles({ key: named(put(join(where, 'k'), certificate)) }, { warn })).rejects.toThrow(
      'has no private key in PEM form',
    );
  });

  it('warn of a key that others may read, and not of a certificate', async () => {
    const path = put(join(directory(), 'key'), '-----BEGIN PRIVATE KEY-----\n', 0o644);
    const warnings: string[] = [];
    await readTlsFiles({ key: named(path) }, { warn: (text) => warnings.push(text) });
    expect(warnings).toEqual([expect.stringContaining('other users may read or change the key')]);
  });

  it('know the authorities of the system', async () => {
    const where = directory();
    const bundle = put(join(where, 'bundle'), certificate);
    const ca = { path: 'system', place: 'flag --tls-ca' };
    const none = join(where, 'none');
    expect(await readTlsFiles({ ca }, { warn, systemBundles: [none, bundle] })).toEqual({ ca: certificate });
    await expect(readTlsFiles({ ca }, { warn, systemBundles: [none] })).rejects.toThrow(
      'the authorities of this system were not found',
    );
  });
});
