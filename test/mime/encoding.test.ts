import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesAttachment } from '../../src/mime/attachment.ts';
import { type Composed, compose, type Draft } from '../../src/mime/compose.ts';
import type { Takes } from '../../src/mime/part.ts';
import { collect } from '../feeds.ts';
import { cases } from './drafts.ts';

const ALL: Takes = { eightBit: true, binary: true, utf8: true };
const EIGHT: Takes = { ...ALL, binary: false };
const SEVEN: Takes = { ...EIGHT, eightBit: false };

const base: Draft = {
  from: { name: '', address: 'a@b' },
  to: [{ name: '', address: 'c@d' }],
};
const sparse = 'Grüße, and all the best to all of you\n';
const dense = '您好，\n请查收附件。\n';

async function made(message: Composed): Promise<string> {
  const octets = await collect(message);
  expect(octets.length).toBe(message.size);
  expect(octets.some((octet) => octet > 127)).toBe(message.eightBit);
  return octets.toString('latin1');
}

const encodings = (text: string) =>
  Array.from(text.matchAll(/^Content-Transfer-Encoding: (.*)\r$/gm), ([, encoding]) => encoding);

describe('the encoding of a text follows its content, the draft, and the server', () => {
  it.each([
    ['ASCII', 'hi\n', undefined, EIGHT, '7bit'],
    ['mostly ASCII', sparse, undefined, EIGHT, 'quoted-printable'],
    ['mostly ASCII, if asked', sparse, '8bit', EIGHT, '8bit'],
    ['mostly ASCII, if asked in vain', sparse, '8bit', SEVEN, 'quoted-printable'],
    ['mostly not ASCII', dense, undefined, EIGHT, '8bit'],
    ['mostly not ASCII, in vain', dense, 'auto', SEVEN, 'base64'],
    ['mostly not ASCII, if asked not to', dense, '7bit', ALL, 'base64'],
    ['a long line', `${dense}${'x'.repeat(999)}\n`, '8bit', EIGHT, 'quoted-printable'],
    ['a control character', `${dense}\x1b[31m\n`, '8bit', EIGHT, 'base64'],
  ] as const)('%s', async (_, text, encoding, takes, expected) => {
    const composed = await compose({ ...base, text, ...(encoding === undefined ? {} : { encoding }) });
    const message = composed.prepared(takes);
    const octets = await made(message);
    expect(encodings(octets)).toEqual([expected]);
    if (expected === '8bit')
      expect(octets).toContain(Buffer.from(text.trim().split('\n')[0] ?? '').toString('latin1'));
    // Unasked it is for every server.
    expect(composed).toMatchObject({ eightBit: false, binary: false });
    await made(composed);
  });
});

it('what holds 8-bit parts says so', async () => {
  const draft: Draft = {
    ...base,
    text: dense,
    html: 'x\n',
    attachments: [bytesAttachment('a', Buffer.from('a'))],
  };
  const octets = await made((await compose(draft)).prepared(EIGHT));
  expect(encodings(octets)).toEqual(['8bit', '8bit', '8bit', '7bit', 'base64']);
});

it('files go as they are where they may, and only then', async () => {
  const bytes = Buffer.from('\0\r\n.\n\r\xff');
  const draft: Draft = { ...base, text: 'x\n', attachments: [bytesAttachment('a', bytes)] };
  const composed = await compose({ ...draft, encoding: 'binary' });
  const message = composed.prepared(ALL);
  expect(message).toMatchObject({ binary: true, eightBit: true });
  const octets = await collect(message);
  expect(octets.length).toBe(message.size);
  expect(encodings(octets.toString('latin1'))).toEqual(['binary', '7bit', 'binary']);
  expect(octets.includes(Buffer.concat([Buffer.from('\r\n\r\n'), bytes, Buffer.from('\r\n--=_')]))).toBe(
    true,
  );
  for (const [encoding, takes] of [
    ['binary', EIGHT],
    ['auto', ALL],
    ['8bit', ALL],
  ] as const)
    expect((await compose({ ...draft, encoding })).prepared(takes).binary).toBe(false);
});

it('any draft has the size that it says, in every form', async () => {
  await fc.assert(
    fc.asyncProperty(
      cases,
      fc.constantFrom(...(['auto', '7bit', '8bit', 'binary'] as const)),
      fc.constantFrom(ALL, EIGHT, SEVEN),
      async ({ draft }, encoding, takes) => {
        const message = (await compose({ ...draft, encoding })).prepared(takes);
        const octets = await collect(message);
        expect(octets.length).toBe(message.size);
        if (message.binary) return;
        expect(octets.some((octet) => octet > 127)).toBe(message.eightBit);
        const lines = octets.toString('latin1').split('\r\n');
        expect(lines.filter((line) => line.length > 998 || /[\r\n]/.test(line))).toEqual([]);
      },
    ),
    { numRuns: 200 },
  );
});
