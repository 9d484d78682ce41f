import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBase64Tolerant } from '../../src/codec/base64.ts';
import { decodeQuotedPrintable } from '../../src/codec/quoted-printable.ts';
import { DataError } from '../../src/errors.ts';
import type { Part } from '../../src/mime/part.ts';
import { bytesSource, canonical, type Source } from '../../src/mime/source.ts';
import { textPart } from '../../src/mime/text.ts';
import { collect, streamOf } from '../feeds.ts';

const headerValue = (part: Part, name: RegExp): string => name.exec(part.header)?.[1] ?? '';
const encodingOf = (part: Part): string => headerValue(part, /^Content-Transfer-Encoding: (\S+)\r$/m);
const charsetOf = (part: Part): string => headerValue(part, /charset=([^;\r]+)/);

/** The octets that a reader gets. */
async function read(part: Part): Promise<Buffer> {
  const body = await collect(part.body());
  expect(body.length).toBe(part.bodySize);
  for (const line of body.toString('latin1').split('\r\n')) expect(line.length).toBeLessThanOrEqual(998);
  const encoding = encodingOf(part);
  if (encoding === 'base64') return Buffer.from(decodeBase64Tolerant(body));
  return encoding === 'quoted-printable' ? decodeQuotedPrintable(body) : body;
}

const big = (text: string): Source => {
  const bytes = Buffer.from(text.repeat(Math.ceil((4 * 1024 * 1024) / text.length) + 1), 'latin1');
  return bytesSource(bytes);
};

describe('the encoding of a text', () => {
  it.each([
    ['ASCII', 'hello\n', '7bit', 'utf-8'],
    ['nothing', '', '7bit', 'utf-8'],
    ['a line of 998', 'x'.repeat(998), '7bit', 'utf-8'],
    ['a tab', 'a\tb', '7bit', 'utf-8'],
    ['a line of 999', 'x'.repeat(999), 'quoted-printable', 'utf-8'],
    ['a little of another script', 'Viele Grüße aus der Stadt\n', 'quoted-printable', 'utf-8'],
    ['an escape sequence', 'all of it \x1b[1mfine\x1b[0m, thank you\n', 'quoted-printable', 'utf-8'],
    ['a NUL', 'a very long line of text\0\n', 'quoted-printable', 'utf-8'],
    ['mostly another script', '季度报告\n', 'base64', 'utf-8'],
  ])('of %s', async (_, text, encoding, charset) => {
    for (const source of [text, bytesSource(Buffer.from(text))]) {
      const part = await textPart(source, 'plain');
      expect([encodingOf(part), charsetOf(part)]).toEqual([encoding, charset]);
      expect((await read(part)).equals(await collect(canonical(streamOf([text]))))).toBe(true);
    }
  });

  it('of bytes that are not UTF-8 is said to be windows-1252', async () => {
    const part = await textPart(
      bytesSource(Buffer.from('a caf\xe9 at the corner, \x80 5', 'latin1')),
      'plain',
    );
    expect([encodingOf(part), charsetOf(part)]).toEqual(['quoted-printable', 'windows-1252']);
    expect((await read(part)).toString('latin1')).toBe('a caf\xe9 at the corner, \x80 5\r\n');
    // Also where the last octet is the first of a character.
    expect(charsetOf(await textPart(bytesSource(Buffer.from('a caf\xe9', 'latin1')), 'plain'))).toBe(
      'windows-1252',
    );
  });

  it('keeps every text, with CRLF at the end of its lines', async () => {
    const text = fc.string({
      unit: fc.constantFrom(
        'a',
        'é',
        '报',
        '\n',
        '\r\n',
        '\r',
        ' ',
        '.',
        'From ',
        '=',
        '\x1b',
        'x'.repeat(500),
      ),
      maxLength: 40,
    });
    await fc.assert(
      fc.asyncProperty(text, fc.constantFrom('plain' as const, 'html' as const), async (value, subtype) => {
        const part = await textPart(value, subtype);
        expect(part.header).toContain(`text/${subtype}`);
        expect((await read(part)).equals(await collect(canonical(streamOf([value]))))).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

describe('a large text', () => {
  it.each([
    ['UTF-8', 'gr\xc3\xbc\xc3\x9fe\n', 'utf-8'],
    ['windows-1252', 'gr\xfc\xdfe\n', 'windows-1252'],
  ])('in %s goes out as it comes', async (_, unit, charset) => {
    const source = big(unit);
    const part = await textPart(source, 'plain');
    expect([encodingOf(part), charsetOf(part)]).toEqual(['base64', charset]);
    expect((await read(part)).equals(await collect(canonical(source.open())))).toBe(true);
  });

  it.each(['utf-8', 'utf-16le', 'utf-16be'] as const)(
    'of a Windows program in %s is text',
    async (charset) => {
      const text = '\ufeffПривет 😀\r\n'.concat('Привет 😀\r\n'.repeat(300_000));
      const little = Buffer.from(text, charset === 'utf-8' ? 'utf8' : 'utf16le');
      const bytes = charset === 'utf-16be' ? little.swap16() : little;
      const part = await textPart(
        {
          size: bytes.length,
          open: () => streamOf([bytes.subarray(0, 1), bytes.subarray(1, 1001), bytes.subarray(1001)]),
        },
        'plain',
      );
      expect([encodingOf(part), charsetOf(part)]).toEqual(['base64', 'utf-8']);
      expect((await read(part)).equals(Buffer.from(text.slice(1)))).toBe(true);
    },
  );

  it('that changes ends in an error', async () => {
    const whole = big('line\n');
    let cut = 0;
    const part = await textPart(
      {
        size: whole.size,
        async *open() {
          for await (const bytes of whole.open()) yield bytes.subarray(cut);
        },
      },
      'plain',
    );
    cut = 5;
    await expect(collect(part.body())).rejects.toThrow(DataError);
  });
});
