import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { AuthenticationError } from '../../src/errors.ts';
import { digestMd5 } from '../../src/sasl/digest-md5.ts';
import { md4 } from '../../src/sasl/md4.ts';
import type { MechanismContext } from '../../src/sasl/mechanism.ts';
import { ntlm, ntlmV2Key, ntlmV2Response } from '../../src/sasl/ntlm.ts';

const context = (nonce: string, more: Partial<MechanismContext> = {}): MechanismContext => ({
  service: 'imap',
  host: 'elwood.innosoft.com',
  port: 143,
  offered: new Set(),
  nonce: () => nonce,
  ...more,
});
const text = (value: Uint8Array | undefined) => Buffer.from(value ?? '').toString();

describe('DIGEST-MD5', () => {
  const challenge =
    'realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh",qop="auth",algorithm=md5-sess,charset=utf-8';
  const start = () => {
    const dialogue = digestMd5.start({ username: 'chris', password: 'secret' }, context('OA6MHXh6VqTrRk'));
    dialogue.next();
    return dialogue;
  };

  test('the example of RFC 2831 4', () => {
    const dialogue = start();
    expect(text(dialogue.next(Buffer.from(challenge)).value)).toBe(
      'charset=utf-8,username="chris",realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh",nc=00000001,' +
        'cnonce="OA6MHXh6VqTrRk",digest-uri="imap/elwood.innosoft.com",response=d388dad90d4bbd760a152321f2143af7,qop=auth',
    );
    expect(dialogue.next(Buffer.from('rspauth=ea40f60335c427b5527b84dbabcdfffd')).done).toBe(true);
  });

  test.each([
    '',
    'nonce="x"',
    'realm="x",nonce="y",qop="auth-int",algorithm=md5-sess',
    `nonce="${'x'.repeat(3000)}"`,
  ])('the challenge %j is refused', (bad) => {
    expect(() => start().next(Buffer.from(bad))).toThrow(AuthenticationError);
  });

  test('a server that cannot prove itself is refused', () => {
    const dialogue = start();
    dialogue.next(Buffer.from(challenge));
    expect(() => dialogue.next(Buffer.from('rspauth=00000000000000000000000000000000'))).toThrow(
      AuthenticationError,
    );
  });
});

describe('NTLM', () => {
  test.each([
    ['', '31d6cfe0d16ae931b73c59d7e0c089c0'],
    ['a', 'bde52cb31de33e46245e05fbdbd6fb24'],
    ['abc', 'a448017aaf21d8525fc10ae87aa6729d'],
    ['message digest', 'd9130a8164549fe818874806e1c7014b'],
    ['abcdefghijklmnopqrstuvwxyz', 'd79e1c308aa5bbcdeea8ed63df412da9'],
    ['ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789', '043f8582f241db351ce627e153e7f0e4'],
    ['1234567890'.repeat(8), 'e33b4ddc9c38f2199c3e7b164fcc0536'],
  ])('MD4 of %j (RFC 1320 A.5)', (message, digest) => {
    expect(md4(Buffer.from(message)).toString('hex')).toBe(digest);
  });

  test('the examples of MS-NLMP 4.2.4', () => {
    const key = ntlmV2Key('User', 'Domain', 'Password');
    expect(key.toString('hex')).toBe('0c868a403bfd7a93a3001ef22ef02e3f');
    const pair = (id: number, value: string) => {
      const bytes = Buffer.from(value, 'utf16le');
      const head = Buffer.alloc(4);
      head.writeUInt16LE(id, 0);
      head.writeUInt16LE(bytes.length, 2);
      return Buffer.concat([head, bytes]);
    };
    const targetInfo = Buffer.concat([pair(2, 'Domain'), pair(1, 'Server'), Buffer.alloc(4)]);
    const nonce = Buffer.from('0123456789abcdef', 'hex');
    const response = ntlmV2Response(key, { nonce, targetInfo }, Buffer.alloc(8, 0xaa), 0n);
    expect(response.subarray(0, 16).toString('hex')).toBe('68cd0ab851e51c96aabc927bebef6a1c');
  });

  test('the messages have the shape a server reads', () => {
    const dialogue = ntlm.start({ username: 'DOM\\user', password: 'p' }, context('n'));
    const first = Buffer.from(dialogue.next().value as Uint8Array);
    expect(first.subarray(0, 12)).toEqual(Buffer.from('NTLMSSP\0\x01\0\0\0', 'latin1'));
    const challenge = Buffer.alloc(56);
    challenge.write('NTLMSSP\0\x02', 'latin1');
    createHash('md5').update('x').digest().copy(challenge, 24, 0, 8);
    challenge.writeUInt16LE(4, 40);
    challenge.writeUInt32LE(48, 44);
    const { value, done } = dialogue.next(challenge);
    const last = Buffer.from(value as Uint8Array);
    expect(done).toBe(true);
    expect(last.readUInt32LE(8)).toBe(3);
    const field = (at: number) =>
      last.subarray(last.readUInt32LE(at + 4), last.readUInt32LE(at + 4) + last.readUInt16LE(at));
    expect(field(28).toString('utf16le')).toBe('DOM');
    expect(field(36).toString('utf16le')).toBe('user');
    expect(field(12)).toHaveLength(24);
  });

  test.each(['', 'NTLMSSP\0', 'x'.repeat(60)])('the challenge %j is refused', (bad) => {
    const dialogue = ntlm.start({ username: 'u', password: 'p' }, context('n'));
    dialogue.next();
    expect(() => dialogue.next(Buffer.from(bad))).toThrow(AuthenticationError);
  });
});
