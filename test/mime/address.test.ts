import fc from 'fast-check';
import addressparser from 'nodemailer/lib/addressparser/index.js';
import { describe, expect, it } from 'vitest';
import { DataError } from '../../src/errors.ts';
import { mailboxTokens, parseAddressList, wireAddress } from '../../src/mime/address.ts';
import { readAddresses } from '../../src/mime/read-header.ts';

const short = (text: string) =>
  parseAddressList(text).map(({ name, address }) => (name === '' ? address : `${name} | ${address}`));

describe('parseAddressList', () => {
  it.each([
    ['a@example.org', ['a@example.org']],
    ['<a@example.org>', ['a@example.org']],
    ['Ann <a@example.org>', ['Ann | a@example.org']],
    ['Ann Bee<a@example.org>', ['Ann Bee | a@example.org']],
    ['  Ann \t Bee  <  a@example.org  > ', ['Ann Bee | a@example.org']],
    ['"Doe, Jane" <a@example.org>', ['Doe, Jane | a@example.org']],
    ['"Doe\\"s \\\\ x" <a@example.org>', ['Doe"s \\ x | a@example.org']],
    ['"A" "B" <a@example.org>', ['A B | a@example.org']],
    ['"A"B <a@example.org>', ['AB | a@example.org']],
    ['J. R. Doe <a@example.org>', ['J. R. Doe | a@example.org']],
    ['a@example.org (Ann Bee)', ['Ann Bee | a@example.org']],
    ['a@example.org (Ann (the \\) first))', ['Ann (the ) first) | a@example.org']],
    ['(x) Ann (y) <a@example.org> (z)', ['Ann | a@example.org']],
    ['a (x) @ (y) example.org', undefined],
    ['a(x)@(y)example.org', ['y | a@example.org']],
    ['a@b, c@d; e@f', ['a@b', 'c@d', 'e@f']],
    [',a@b,;,c@d,', ['a@b', 'c@d']],
    ['', []],
    [' , ; ', []],
    ['Team: a@b, "C" <c@d>;, e@f', ['a@b', 'C | c@d', 'e@f']],
    ['Team One: a@b', ['a@b']],
    ['undisclosed-recipients:;', []],
    ['One: a@b; Two: c@d;', ['a@b', 'c@d']],
    ['"quoted local"@example.org', ['"quoted local"@example.org']],
    ['"a@evil.example x"@example.org', ['"a@evil.example x"@example.org']],
    ['"a@evil.example" <b@example.org>', ['a@evil.example | b@example.org']],
    ['<"a\\"b<>"@example.org>', ['"a\\"b<>"@example.org']],
    ["o'neil+tag=x/y@example.org", ["o'neil+tag=x/y@example.org"]],
    ['a@[192.0.2.1]', ['a@[192.0.2.1]']],
    ['a@[IPv6:2001:db8::1]', ['a@[IPv6:2001:db8::1]']],
    ['Jörg <jörg@exämple.org>', ['Jörg | jörg@exämple.org']],
    ['张伟 <a@example.org>; 李 <b@例子.中国>', ['张伟 | a@example.org', '李 | b@例子.中国']],
    ['=?utf-8?Q?a?= <a@example.org>', ['=?utf-8?Q?a?= | a@example.org']],
    [`${'x'.repeat(70)}@example.org`, [`${'x'.repeat(70)}@example.org`]],
  ])('reads %j', (text, expected) => {
    if (expected === undefined) expect(() => parseAddressList(text)).toThrow(DataError);
    else expect(short(text)).toEqual(expected);
  });

  it.each([
    'a',
    'Ann',
    'a@',
    '@b',
    'a@b@c',
    'a b@c',
    'a@b c@d',
    'a@b <c@d>x@y',
    '<a@b> tail',
    '<a@b> <c@d>',
    '<a@b',
    'a@b>',
    '<>',
    '< >',
    '<<a@b>>',
    '<a@b,c@d>',
    '<@x,@y:a@b>',
    '"a@b',
    '"a" @b',
    'a@b (x',
    'a@b x)',
    'Doe, Jane <a@b>',
    'Team: x: a@b;',
    ': a@b',
    'a@b: c@d',
    'a"b"@c',
    'a@b"c"',
    'a\\@b@c',
    'a@b..c',
    'a@.b',
    'a@b.',
    'a@b c',
    'a (x)b@c',
    'a@b (x)c',
    'a@b!c',
    'a@b/c',
    'a@[1 2]',
    'a@[x',
    'a@b]',
    '-oX@example.org',
    '<-f@example.org>',
    'Ann <-f@example.org>',
    'a@\u202eexample.org',
    'a\u202eb@example.org',
    '"a\u0085b"@example.org',
    'a\ud800@example.org',
    'a@xn--\u00fc.example',
    `${'x'.repeat(255)}@b`,
    `a@${'x.'.repeat(150)}org`,
  ])('refuses %j', (text) => {
    expect(() => parseAddressList(text)).toThrow(DataError);
  });

  it('refuses every control character but the tab, wherever it stands', () => {
    for (let code = 0; code < 33; code++) {
      const control = code === 32 ? '\x7f' : String.fromCharCode(code);
      if (control === '\t') continue;
      const places = [
        `${control}a@b`,
        `a${control}@b`,
        `a@b${control}`,
        `a@${control}b`,
        `"x${control}y" <a@b>`,
        `x${control}y <a@b>`,
        `<a@b>${control}`,
        `a@b (${control})`,
        `"x${control}"@b`,
        `g${control}: a@b;`,
      ];
      for (const text of places)
        expect(() => parseAddressList(text), JSON.stringify(text)).toThrow(DataError);
    }
  });

  it('says what is wrong, in one line', () => {
    const message = (text: string) => {
      try {
        parseAddressList(text);
      } catch (error) {
        return error instanceof DataError ? error.message : 'another error';
      }
      return 'no error';
    };
    expect(message('Doe, Jane <a@b>')).toMatch(/no @/);
    expect(message('a@b\r\nRCPT TO:<c@d>')).toMatch(/control character/);
    expect(message('a@b\r\nx')).not.toMatch(/[\r\n]/);
    expect(message('x'.repeat(100_000)).length).toBeLessThan(300);
  });

  it.each([
    '(',
    ')',
    '"',
    ';',
    ',',
    'a:',
    ':',
    '<',
    '>',
    '@',
    '\\',
    'a ',
    '((',
    '()',
    '""',
    '<a@b>,',
    'a@b,',
    '"\\',
    'a@b c ',
    '@[',
    'a@[',
    '\u0301',
  ])('walks 100 kB of %j once', (unit) => {
    const text = unit.repeat(Math.ceil(100_000 / unit.length));
    try {
      parseAddressList(text);
    } catch (error) {
      expect(error).toBeInstanceOf(DataError);
    }
    expect(Array.isArray(readAddresses(text))).toBe(true);
  });

  it('takes comments up to a depth of 50', () => {
    expect(parseAddressList(`a@b ${'('.repeat(50)}${')'.repeat(50)}`)).toHaveLength(1);
    expect(() => parseAddressList(`a@b ${'('.repeat(51)}${')'.repeat(51)}`)).toThrow(/nest/);
  });

  it('fails on any text only with its own error', () => {
    const parts = fc.constantFrom(
      'a',
      '@',
      'b.c',
      '<',
      '>',
      '"',
      '\\',
      '(',
      ')',
      ',',
      ';',
      ':',
      ' ',
      '.',
      'é',
      '[',
      ']',
      '-',
      '\u{1f600}',
    );
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 25 }), (pieces) => {
        const text = pieces.join('');
        try {
          for (const { name, address } of parseAddressList(text)) {
            expect(`${name}${address}`).not.toMatch(/[\0\r\n]/);
            expect(address).toMatch(/^.+@[^@\s"<>]+$/su);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(DataError);
        }
      }),
      { numRuns: 3_000 },
    );
  });
});

const atom = fc.string({ unit: fc.constantFrom(...'abcXYZ019+-_=/é'.split('')), minLength: 1, maxLength: 8 });
const local = fc.oneof(
  atom.map((text) => `x${text}`),
  fc.array(atom, { minLength: 2, maxLength: 3 }).map((parts) => `x${parts.join('.')}`),
  fc
    .string({ unit: fc.constantFrom(...'ab @,;:<>()."\\'.split('')), minLength: 1, maxLength: 8 })
    .map((text) => `"${text.replace(/["\\]/g, '\\$&')}"`),
);
const domain = fc.constantFrom(
  'example.org',
  'EXAMPLE.org',
  'localhost',
  'a-b.example',
  '例子.中国',
  '[192.0.2.1]',
);
const address = fc.tuple(local, domain).map(([left, right]) => `${left}@${right}`);
const name = fc.string({
  unit: fc.constantFrom(...'aZ09 .,;:<>()"\\@é报=?_\'&'.split(''), '👩‍👩‍👧‍👦', '=?utf-8?Q?x?='),
  maxLength: 30,
});
/** Names as a parser gives them: no blanks at the ends or side by side. */
const tidyName = name.map((text) => text.trim().replace(/ +/g, ' '));
const mailboxes = fc.array(fc.record({ name: tidyName, address }), { minLength: 1, maxLength: 6 });

describe('mailboxTokens', () => {
  it.each([
    ['', 'a@b', ['a@b']],
    ['Ann Bee', 'a@b', ['Ann', 'Bee', '<a@b>']],
    ['Doe, Jane', 'a@b', ['"Doe, Jane"', '<a@b>']],
    ['J. Doe', 'a@b', ['"J. Doe"', '<a@b>']],
    ['a "b" \\ c', 'a@b', ['"a \\"b\\" \\\\ c"', '<a@b>']],
    [
      `${'Long '.repeat(14)}, x`,
      'a@b',
      ['"Long', ...Array.from({ length: 13 }, () => 'Long'), ',', 'x"', '<a@b>'],
    ],
    [
      `x, ${'y'.repeat(70)}`,
      'a@b',
      [
        '=?utf-8?Q?x=2C_yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy?=',
        '=?utf-8?Q?yyyyyyyyyyyy?=',
        '<a@b>',
      ],
    ],
    ['张伟', 'a@b', ['=?utf-8?B?5byg5Lyf?=', '<a@b>']],
    ['=?utf-8?Q?x?=', 'a@b', ['=?utf-8?B?PT91dGYtOD9RP3g/PQ==?=', '<a@b>']],
    ['Ann', 'a@例子.中国', ['Ann', '<a@xn--fsqu00a.xn--fiqs8s>']],
    ['', 'ä@例子.中国', ['ä@例子.中国']],
  ])('writes %j %j as %j', (display, path, tokens) => {
    expect(mailboxTokens({ name: display, address: path })).toEqual(tokens);
  });

  it('comes back through readAddresses as it was', () => {
    fc.assert(
      fc.property(mailboxes, (list) => {
        const text = list.map((mailbox) => mailboxTokens(mailbox).join(' ')).join(', ');
        const expected = list.map((mailbox) => ({
          name: mailbox.name,
          address: wireAddress(mailbox.address),
        }));
        expect(readAddresses(text)).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });

  it('is read alike by the parser of nodemailer', () => {
    // Its parser leaves encoded words and quoted local parts to others.
    const plain = fc.array(
      fc.record({
        name: fc
          .string({ unit: fc.constantFrom(..."aZ09 .,;:<>()@é报'".split('')), maxLength: 30 })
          .map((text) => text.trim().replace(/ +/g, ' '))
          .filter((text) => !/[^\0-\x7f]/.test(text)),
        address: fc.tuple(atom, domain).map(([left, right]) => `x${left}@${right}`),
      }),
      { minLength: 1, maxLength: 6 },
    );
    fc.assert(
      fc.property(plain, (list) => {
        const text = list.map((mailbox) => mailboxTokens(mailbox).join(' ')).join(', ');
        const expected = list.map((mailbox) => ({
          name: mailbox.name,
          address: wireAddress(mailbox.address),
        }));
        expect(addressparser(text)).toEqual(expected);
        expect(readAddresses(text)).toEqual(expected);
      }),
    );
  });
});

describe('wireAddress', () => {
  it.each([
    ['a@Example.ORG', 'a@Example.ORG'],
    ['a@bücher.example', 'a@xn--bcher-kva.example'],
    ['"x@ü"@bücher.example', '"x@ü"@bücher.example'],
    ['ü@bücher.example', 'ü@bücher.example'],
    ['ü@example.org', 'ü@example.org'],
    ['a@[192.0.2.1]', 'a@[192.0.2.1]'],
  ])('of %s is %s', (typed, wire) => {
    expect(wireAddress(typed)).toBe(wire);
  });
});
