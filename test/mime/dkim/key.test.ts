import { generateKeyPairSync, type KeyObject, verify } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ConfigError, UsageError } from '../../../src/errors.ts';
import { rawFields, signedFields } from '../../../src/mime/dkim/field.ts';
import { loadSigner } from '../../../src/mime/dkim/key.ts';
import { relaxedField } from '../../../src/mime/dkim/relaxed.ts';
import { ED25519, MESSAGE, NAMES, RSA_PEM, SIGNATURES } from './rfc8463.ts';

const selector = 's1';
const pem = (key: KeyObject, type: 'pkcs1' | 'pkcs8' = 'pkcs8') =>
  String(key.export({ format: 'pem', type }));

describe('RFC 8463 A: the same key makes the same signature', () => {
  const fields = rawFields(Buffer.from(MESSAGE, 'latin1'));
  it.each([
    ['ed25519', ED25519, 'ed25519-sha256'],
    ['rsa', RSA_PEM, 'rsa-sha256'],
  ] as const)('%s', async (kind, key, algorithm) => {
    const signer = await loadSigner({ selector, key });
    expect(signer.algorithm).toBe(algorithm);
    const { unsigned, signature } = SIGNATURES[kind];
    const data = signedFields(NAMES, fields) + relaxedField(unsigned);
    const made = signer.sign(Buffer.from(data, 'latin1'));
    expect(made.toString('base64')).toBe(signature);
    expect(made).toHaveLength(signer.octets);
  });
});

describe('a key', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  it.each([
    ['RSA in PKCS #1', pem(rsa.privateKey, 'pkcs1')],
    ['RSA in PKCS #8', pem(rsa.privateKey)],
    ['RSA with text around it', `Bag\n${pem(rsa.privateKey)}\nmore\n`],
    ['RSA with CRLF', pem(rsa.privateKey).replaceAll('\n', '\r\n')],
    ['RSA as an object', rsa.privateKey],
  ])('%s signs', async (_, key) => {
    const { sign, octets } = await loadSigner({ selector, key });
    expect(octets).toBe(256);
    expect(verify('sha256', Buffer.from('x'), rsa.publicKey, sign(Buffer.from('x')))).toBe(true);
  });

  it('Ed25519 in PKCS #8 signs', async () => {
    expect(await loadSigner({ selector, key: pem(ED25519) })).toMatchObject({ octets: 64 });
  });

  const encrypted = { format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'secret' } as const;
  it.each<[string, string | KeyObject, string]>([
    ['RSA of 1,023 bits', generateKeyPairSync('rsa', { modulusLength: 1023 }).privateKey, '1023 bits'],
    ['on a curve', generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, 'kind ec'],
    ['Ed448', pem(generateKeyPairSync('ed448').privateKey), 'kind ed448'],
    ['RSA for PSS alone', generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).privateKey, 'kind rsa-pss'],
    ['a public one', rsa.publicKey, 'public key'],
    ['public, in PEM', String(rsa.publicKey.export({ format: 'pem', type: 'spki' })), 'cannot be read'],
    ['encrypted', String(rsa.privateKey.export(encrypted)), 'is encrypted'],
    ['encrypted the old way', String(rsa.privateKey.export({ ...encrypted, type: 'pkcs1' })), 'is encrypted'],
    ['damaged', pem(rsa.privateKey).replace('M', '!'), 'cannot be read'],
    ['nothing', '', 'cannot be read'],
  ])('that is %s does not sign', async (_, key, why) => {
    const error = await loadSigner({ selector, key }).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(ConfigError);
    expect(error).toMatchObject({
      message: expect.stringContaining(why),
      hint: expect.stringContaining('RSA'),
    });
  });

  it('is in no error', async () => {
    const damaged = pem(rsa.privateKey).replace('MII', 'M!!');
    const error = await loadSigner({ selector, key: damaged }).catch((error: unknown) => error);
    expect(`${error} ${JSON.stringify(error)} ${String((error as Error).cause)}`).not.toContain(
      damaged.slice(40, 60),
    );
  });
});

describe('where it is published', () => {
  it.each([
    ['s1', 'example.org', 'example.org'],
    ['2026.mail-a', 'EXAMPLE.org', 'example.org'],
    ['s_1', 'bücher.example', 'xn--bcher-kva.example'],
    ['s', undefined, undefined],
  ])('%s of %s', async (name, domain, ascii) => {
    expect(await loadSigner({ selector: name, domain, key: ED25519 })).toMatchObject({ domain: ascii });
  });

  const long = `${'a'.repeat(60)}.`.repeat(4);
  it.each([
    ['', 'example.org'],
    ['a b', 'example.org'],
    ['a;d=x', 'example.org'],
    ['a\r\nX: y', 'example.org'],
    ['a..b', 'example.org'],
    ['-a', 'example.org'],
    ['a'.repeat(64), 'example.org'],
    ['ü', 'example.org'],
    ['a', ''],
    ['a', 'localhost'],
    ['a', 'example.org; x=1'],
    ['a', 'example.org\r\nX: y'],
    ['a', '[192.0.2.1]'],
    ['a', `${long}org`],
  ])('not %j of %j', async (name, domain) => {
    await expect(loadSigner({ selector: name, domain, key: ED25519 })).rejects.toThrow(UsageError);
  });
});
