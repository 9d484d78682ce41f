import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { digestsIn, leaks } from './secrets.ts';

const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64');
const PASSWORD = 'Grüße-пароль-密码';

describe('the search for secrets in transcripts', () => {
  it.each([
    ['plain', `C: PASS ${PASSWORD}`],
    ['LOGIN', `C: ${base64(PASSWORD)}`],
    ['PLAIN', `C: AUTH PLAIN ${base64(`\0jürgen\0${PASSWORD}`)}`],
    ['PLAIN with an authorization identity', `C: AUTH PLAIN ${base64(`x\0jürgen\0${PASSWORD}`)}`],
    ['JSON', JSON.stringify({ message: PASSWORD })],
    ['a URL', `smtp://u:${encodeURIComponent(PASSWORD)}@h`],
    [
      'a wrapped line',
      `${base64(`\0u\0${PASSWORD}`).slice(0, 20)}\n  ${base64(`\0u\0${PASSWORD}`).slice(20)}`,
    ],
    ['base64 of base64', base64(base64(`xy${PASSWORD}z`))],
    ['base64url', Buffer.from(`a${PASSWORD}`).toString('base64url')],
  ])('finds it as %s', (_, text) => {
    expect(leaks(text, PASSWORD)).not.toEqual([]);
  });

  it('finds any secret of eight octets or more behind any prefix and before any suffix', () => {
    fc.assert(
      fc.property(
        fc.uint8Array(),
        fc.string({ minLength: 8, unit: 'grapheme' }),
        fc.uint8Array(),
        (before, secret, after) => {
          const text = Buffer.concat([before, Buffer.from(secret, 'utf8'), after]).toString('base64');
          expect(leaks(`C: ${text}`, secret)).not.toEqual([]);
        },
      ),
    );
  });

  it('finds nothing in a redacted transcript', () => {
    const text = 'C: AUTH PLAIN [redacted 24 bytes]\nS: 235 2.7.0 Authentication successful';
    expect(leaks(text, PASSWORD)).toEqual([]);
    expect(digestsIn(text)).toEqual([]);
  });

  it('finds the response of CRAM-MD5', () => {
    const digest = 'b913a602c7eda7a495b4e6e7334d3890';
    expect(digestsIn(`C: ${base64(`tim ${digest}`)}`)).toHaveLength(1);
    expect(digestsIn(`C: APOP tim ${digest}`)).toHaveLength(1);
  });
});
