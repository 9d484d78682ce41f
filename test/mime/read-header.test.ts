import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeCharset, decodeUnlabelled } from '../../src/mime/charset.ts';
import { fieldValue, parseHeader, readAddresses, readDate, readText } from '../../src/mime/read-header.ts';

const fields = (text: string, encoding: BufferEncoding = 'utf8') =>
  parseHeader(Buffer.from(text, encoding)).map(({ name, value }) => [name, value]);

describe('parseHeader', () => {
  it.each([
    [
      'Subject: a\r\nTo: b\r\n\r\nBody: c\r\n',
      [
        ['Subject', 'a'],
        ['To', 'b'],
      ],
    ],
    [
      'Subject: a\nTo: b\n\nBody: c\n',
      [
        ['Subject', 'a'],
        ['To', 'b'],
      ],
    ],
    ['Subject:a', [['Subject', 'a']]],
    ['Subject:', [['Subject', '']]],
    ['Subject : a\r\n', [['Subject', 'a']]],
    ['Subject: a\r\n b\r\n\tc\r\n', [['Subject', 'a b\tc']]],
    ['Subject:\r\n a\r\n', [['Subject', 'a']]],
    ['Subject: a: b\r\n', [['Subject', 'a: b']]],
    [' lost\r\nSubject: a\r\n', [['Subject', 'a']]],
    ['no field\r\nSubject: a\r\n', [['Subject', 'a']]],
    [
      'Subject: a\r\nno field: x\r\n of a\r\nTo: b\r\n',
      [
        ['Subject', 'a'],
        ['To', 'b'],
      ],
    ],
    ['From a@b Sat Nov 21 06:00:00 2026\r\n x\r\nTo: b\r\n', [['To', 'b']]],
    [': a\r\nTo: b\r\n', [['To', 'b']]],
    ['Ü: a\r\nTo: b\r\n', [['To', 'b']]],
    ['\r\nTo: b\r\n', []],
    ['', []],
    ['X: ü 报告\r\n', [['X', 'ü 报告']]],
    ['__proto__: a\r\n', [['__proto__', 'a']]],
    ['X: a\rb\r\n', [['X', 'a\rb']]],
  ])('reads %j', (text, expected) => {
    expect(fields(text)).toEqual(expected);
  });

  it('reads octets that are not UTF-8 as windows-1252', () => {
    expect(fields('X: \xfcber \x80\r\n', 'latin1')).toEqual([['X', 'über €']]);
  });

  it('keeps to its limits', () => {
    expect(fields('a: b\r\n'.repeat(20_000))).toHaveLength(10_000);
    const [long] = fields(`a: ${'x'.repeat(300_000)}\r\n`);
    expect(long?.[1]?.length).toBeLessThanOrEqual(256 * 1024);
    const [folded] = fields(`a: x${'\r\n y'.repeat(200_000)}\r\n`);
    expect(folded?.[1]?.length).toBeLessThanOrEqual(256 * 1024 + 2);
    expect(fields(`a: b\r\n${'x: y\r\n'.repeat(200_000)}`).length).toBeLessThanOrEqual(10_000);
    expect(fields(`${'n'.repeat(2_000_000)}: x\r\nb: c\r\n`).length).toBeLessThanOrEqual(1);
  });

  it('never throws', () => {
    const parts = fc.constantFrom('a', ':', ' ', '\r\n', '\n', '\r', '\t', 'Subject: ', '\0', '\xff', 'é');
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(parts, { maxLength: 40 }).map((list) => Buffer.from(list.join(''), 'latin1')),
          fc.uint8Array(),
        ),
        (bytes) => {
          for (const { name, value } of parseHeader(bytes)) {
            expect(name).toMatch(/^[!-9;-~]+$/);
            expect(value).not.toContain('\n');
            readText(value);
            readAddresses(value);
            readDate(value);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('fieldValue', () => {
  it('finds the first of a name in any case', () => {
    const list = parseHeader(Buffer.from('subject: a\r\nSUBJECT: b\r\n'));
    expect(fieldValue(list, 'Subject')).toBe('a');
    expect(fieldValue(list, 'To')).toBeUndefined();
  });
});

describe('readAddresses', () => {
  it.each([
    ['=?utf-8?Q?Doe=2C_J=C3=B6rg?= <a@b>', [['Doe, Jörg', 'a@b']]],
    ['"=?utf-8?Q?J=C3=B6rg?=" <a@b>', [['Jörg', 'a@b']]],
    ['undisclosed-recipients:;', []],
    ['Doe, Jane <a@b>', [['Doe, Jane', 'a@b']]],
    [
      'Doe, Jane <a@b>, Ann <c@d>',
      [
        ['Doe, Jane', 'a@b'],
        ['Ann', 'c@d'],
      ],
    ],
    ['"open <a@b>', [['open', 'a@b']]],
    [
      '<a@b> <c@d>',
      [
        ['', 'a@b'],
        ['', 'c@d'],
      ],
    ],
    [
      'a@b c@d',
      [
        ['', 'a@b'],
        ['', 'c@d'],
      ],
    ],
    ['Mailer Daemon', [['Mailer Daemon', '']]],
    ['<>', [['<>', '']]],
    ['', []],
    [' , ', []],
    ['@', [['@', '']]],
    ['a@b@c <d@e>', [['a@b@c', 'd@e']]],
    [
      'a@b@c, <d@e>',
      [
        ['', 'a@b'],
        ['@c', 'd@e'],
      ],
    ],
    [`${'x'.repeat(300)}@example.org`, [['x'.repeat(100), `${'x'.repeat(200)}@example.org`]]],
  ])('reads %j', (value, expected) => {
    expect(readAddresses(value).map(({ name, address }) => [name, address])).toEqual(expected);
  });

  it.each(['a@', '@', ',', ' ', '"', '<a@b', 'x y@z ', '=?a?q?', 'é', '\\', ',,,x a@b '])(
    'walks 250 kB of %j once',
    (unit) => {
      const value = unit.repeat(250_000 / unit.length);
      // Two of these make sure that the strict reader gives up.
      expect(readAddresses(`${value}"`).length).toBeLessThanOrEqual(1_000);
      expect(readAddresses(`"${value}`).length).toBeLessThanOrEqual(1_000);
    },
  );
});

describe('readDate', () => {
  it.each([
    ['Sat, 21 Nov 2026 06:34:07 +0100', '2026-11-21T05:34:07.000Z'],
    ['Sat, 21 Nov 2026 06:34:07 -0530 (IST)', '2026-11-21T12:04:07.000Z'],
    ['21 Nov 2026 06:34 GMT', '2026-11-21T06:34:00.000Z'],
    ['21 November 2026 06:34:07 EST', '2026-11-21T11:34:07.000Z'],
    ['1 Jan 99 00:00:00 +0000', '1999-01-01T00:00:00.000Z'],
    ['1 Jan 26 00:00:00 +0000', '2026-01-01T00:00:00.000Z'],
    ['1 Jan 126 00:00:00 +0000', '2026-01-01T00:00:00.000Z'],
    ['sat, 21 NOV 2026 06:34:07', '2026-11-21T06:34:07.000Z'],
    ['Sat,  1  Nov  2026 6:34:07 PDT', '2026-11-01T13:34:07.000Z'],
    ['21 Nov 2026 06:34:60 +0000', '2026-11-21T06:35:00.000Z'],
    ['21 Nov 2026 06:34:07 X', '2026-11-21T06:34:07.000Z'],
  ])('reads %j', (value, iso) => {
    expect(readDate(value)?.toISOString()).toBe(iso);
  });

  it.each([
    '',
    'yesterday',
    '2026-11-21',
    '31 Dec 9999 23:59:59 -0001',
    '99 Dec 9999 00:00:00 +0000',
    '21 Xyz 2026 06:34:07',
    '21 anf 2026 06:34:07',
    'Nov 2026',
    `${'('.repeat(100_000)}`,
  ])('takes %j for no date', (value) => {
    expect(readDate(value)).toBeUndefined();
  });
});

describe('decodeCharset', () => {
  it.each([
    ['windows-1252', '80 9f ff', '€Ÿÿ'],
    ['ISO-8859-1', '92', '’'],
    ['us-ascii', '41 e9', 'Aé'],
    ['latin1', '93', '“'],
    ['utf-8', 'c3 a9', 'é'],
    ['UTF8', 'c3 a9 ff', 'é\ufffd'],
    ['gb2312', 'b1 a8', '报'],
    ['cp936', 'b1 a8', '报'],
    ['big5', 'b3 f8', '報'],
    ['shift_jis', '93 fa', '日'],
    ['euc-kr', 'c7 d1', '한'],
    ['koi8-r', 'd4', 'т'],
    ['iso-8859-15', 'a4', '€'],
    ['', 'e9', 'é'],
    ['\0', 'c3 a9', 'é'],
    ['__proto__', 'e9', 'é'],
    ['constructor', 'e9', 'é'],
  ])('reads %s %s', (label, hex, text) => {
    expect(decodeCharset(Buffer.from(hex.replaceAll(' ', ''), 'hex'), label)).toBe(text);
  });

  it('agrees with itself over views of larger memory', () => {
    const whole = Buffer.from('xxüxx', 'utf8');
    expect(decodeUnlabelled(whole.subarray(2, 4))).toBe('ü');
    expect(decodeUnlabelled(whole.subarray(2, 3))).toBe('Ã');
  });
});
