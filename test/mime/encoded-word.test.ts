import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeWords, encodeWords, needsEncoding, WORD_LIMIT } from '../../src/mime/encoded-word.ts';
import { textTokens } from '../../src/mime/header.ts';

const FAMILY = '👩‍👩‍👧‍👦';

describe('encodeWords', () => {
  it.each([
    ['Grüße', ['=?utf-8?B?R3LDvMOfZQ==?=']],
    ['Viele Grüße', ['=?utf-8?Q?Viele_Gr=C3=BC=C3=9Fe?=']],
    ['a b_c', ['=?utf-8?Q?a_b=5Fc?=']],
    ['=?x', ['=?utf-8?Q?=3D=3Fx?=']],
    ['报告', ['=?utf-8?B?5oql5ZGK?=']],
  ])('encodes %j as %j', (text, words) => {
    expect(encodeWords(text)).toEqual(words);
  });

  it.each([
    ['emoji families', FAMILY.repeat(12)],
    ['flags', '🇩🇪🇫🇷'.repeat(30)],
    ['combining marks', 'e\u0301o\u0308'.repeat(40)],
    ['Chinese', '季度报告与附件'.repeat(30)],
    ['Hangul in jamo', '\u1112\u1161\u11ab'.repeat(30)],
  ])('cuts %s between graphemes alone', (_, text) => {
    const words = encodeWords(text);
    expect(words.length).toBeGreaterThan(1);
    const whole = [...new Intl.Segmenter('und').segment(text)].map(({ segment }) => segment);
    let at = 0;
    for (const word of words) {
      const decoded = decodeWords(word);
      let length = 0;
      while (length < decoded.length) length += (whole[at++] ?? '').length;
      expect(length).toBe(decoded.length);
    }
  });

  it.each([
    ['graphemes', 'e\u0301👩‍👩‍👧‍👦🇩🇪'.repeat(4_000)],
    ['one that does not end', `e${'\u0301\u{1d165}'.repeat(20_000)}`],
  ])('takes a very long text of %s, each of its parts once', (_, text) => {
    const words = encodeWords(text);
    for (const word of words) expect(Buffer.from(decodeWords(word)).toString()).toBe(decodeWords(word));
    expect(words.map((word) => decodeWords(word)).join('')).toBe(text);
  });

  it('cuts a grapheme that is too long for a word between characters', () => {
    const zalgo = `e${'\u0301'.repeat(200)}`;
    const words = encodeWords(zalgo);
    for (const word of words) expect(word.length).toBeLessThanOrEqual(WORD_LIMIT);
    expect(decodeWords(words.join(' '))).toBe(zalgo);
  });

  it('gives words of at most 75 octets, each whole in itself, that come back as they were', () => {
    const text = fc.string({
      unit: fc.oneof(
        fc.constantFrom(' ', '=?', '?=', '_', FAMILY, 'é'),
        fc.string({ unit: 'binary', maxLength: 3 }),
      ),
      maxLength: 60,
    });
    fc.assert(
      fc.property(text, fc.integer({ min: 40, max: 75 }), (value, limit) => {
        const words = encodeWords(value, limit);
        for (const word of words) {
          expect(word.length).toBeLessThanOrEqual(limit);
          expect(word).toMatch(/^=\?utf-8\?[BQ]\?[^?\s]+\?=$/);
          expect(decodeWords(word)).not.toContain('\ufffd'.repeat(2));
        }
        expect(decodeWords(words.join(' '))).toBe(Buffer.from(value).toString());
        expect(decodeWords(words.join('\r\n '))).toBe(decodeWords(words.join(' ')));
      }),
      { numRuns: 300 },
    );
  });
});

describe('textTokens', () => {
  it.each([
    ['plain words here', ['plain', 'words', 'here']],
    ['', ['']],
    ['re: Grüße an alle', ['re:', '=?utf-8?B?R3LDvMOfZQ==?=', 'an', 'alle']],
    ['ä b ö', ['=?utf-8?B?w6QgYiDDtg==?=']],
    ['looks =?utf-8?Q?like?= one', ['looks', '=?utf-8?B?PT91dGYtOD9RP2xpa2U/PQ==?=', 'one']],
  ])('takes %j apart into %j', (text, tokens) => {
    expect(textTokens(text)).toEqual(tokens);
    expect(decodeWords(tokens.join(' '))).toBe(text);
  });

  it('keeps every blank of any text', () => {
    const text = fc.string({
      unit: fc.constantFrom(' ', '  ', '\t', 'a', 'é', '=?', '?=', 'word'),
      maxLength: 30,
    });
    fc.assert(
      fc.property(text, (value) => {
        expect(decodeWords(textTokens(value).join(' '))).toBe(value);
      }),
      { numRuns: 500 },
    );
  });
});

describe('needsEncoding', () => {
  it.each([
    ['plain', false],
    ['tab\t', false],
    ['a = b ?', false],
    ['é', true],
    ['=?', true],
    ['\x7f', true],
    ['\x1b[1m', true],
  ])('of %j: %s', (text, needed) => {
    expect(needsEncoding(text)).toBe(needed);
  });
});

describe('decodeWords', () => {
  it.each([
    // RFC 2047 8.
    ['=?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?=', 'Keld Jørn Simonsen'],
    ['=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=', 'If you can read this yo'],
    ['=?ISO-8859-1?Q?a?= b', 'a b'],
    ['=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=', 'ab'],
    ['=?ISO-8859-1?Q?a?=  \r\n  =?ISO-8859-1?Q?b?=', 'ab'],
    ['=?ISO-8859-1?Q?a_b?=', 'a b'],
    ['=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=', 'a b'],
    ['=?us-ascii*en?q?hello?=', 'hello'],
    // One character cut in two, by octets, in B and in Q.
    ['=?utf-8?B?5oql5Q==?= =?utf-8?B?kYo=?=', '报告'],
    ['=?UTF-8?Q?=C3?= =?utf-8?Q?=A9?=', 'é'],
    ['=?utf-8?Q?=C3?= x =?utf-8?Q?=A9?=', '\ufffd x \ufffd'],
    // What TextDecoder has wrong or does not have.
    ['=?windows-1252?Q?=80_=93x=94_=99?=', '€ “x” ™'],
    ['=?iso-8859-1?Q?=92?=', '’'],
    ['=?x-nobody-knows?Q?=E9t=E9?=', 'été'],
    ['=?x-nobody-knows?Q?=C3=A9?=', 'é'],
    ['=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=', '日本'],
    ['=?gb2312?B?sai45g==?=', '报告'],
    ['=?utf-7?Q?+AOk-?=', 'é'],
    // Not words, or broken ones.
    ['=?utf-8?Q?a b?=', '=?utf-8?Q?a b?='],
    ['=?utf-8?X?abc?=', '=?utf-8?X?abc?='],
    ['=?utf-8?Q?abc', '=?utf-8?Q?abc'],
    ['=??Q?abc?=', '=??Q?abc?='],
    ['=?utf-8?Q??=', ''],
    ['=?utf-8?Q?a?b?=', 'a?b'],
    ['=?utf-8?Q?=GG?=', '=GG'],
    ['=?utf-8?B?!!!?=', ''],
    ['=?=?utf-8?Q?a?=', '=?a'],
    ['x=?utf-8?Q?=C3=A9?=y', 'xéy'],
    ['plain', 'plain'],
  ])('reads %j as %j', (value, text) => {
    expect(decodeWords(value)).toBe(text);
  });

  it('never throws', () => {
    const parts = fc.constantFrom(
      '=?',
      '?=',
      'utf-8',
      '?Q?',
      '?B?',
      '=',
      '?',
      ' ',
      'gb2312',
      'é',
      '=C3',
      'abc',
      '*',
      '\n',
    );
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 40 }), (value) => {
        expect(typeof decodeWords(value.join(''))).toBe('string');
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['words that never close', '=?a?q?'.repeat(100_000)],
    ['words that close after a blank', `${'=?a?q?'.repeat(100_000)} ?=`],
    ['starts alone', '=?'.repeat(300_000)],
    ['question marks', `=?a?q?${'?'.repeat(500_000)}`],
    ['long charsets', `=?${'a'.repeat(500_000)}?q?x?=`],
    ['words by the thousand', '=?a?q?=41?= '.repeat(50_000)],
  ])('walks %s once', (_, value) => {
    expect(decodeWords(value).length).toBeLessThanOrEqual(value.length);
  });
});
