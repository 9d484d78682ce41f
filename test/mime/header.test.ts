import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataError } from '../../src/errors.ts';
import { mailboxTokens } from '../../src/mime/address.ts';
import { decodeWords } from '../../src/mime/encoded-word.ts';
import { checkFieldName, checkText, field, textField } from '../../src/mime/header.ts';

const lines = (text: string) => {
  expect(text.endsWith('\r\n')).toBe(true);
  return text.slice(0, -2).split('\r\n');
};
const unfolded = (text: string) => text.replace(/\r\n(?=[ \t])/g, '').replace(/\r\n$/, '');

describe('field', () => {
  it.each([
    [['one'], 'X: one\r\n'],
    [['one', 'two'], 'X: one two\r\n'],
    [['a'.repeat(75)], `X: ${'a'.repeat(75)}\r\n`],
    [['a'.repeat(76)], `X:\r\n ${'a'.repeat(76)}\r\n`],
    [['a'.repeat(60), 'b'.repeat(14)], `X: ${'a'.repeat(60)} ${'b'.repeat(14)}\r\n`],
    [['a'.repeat(60), 'b'.repeat(15)], `X: ${'a'.repeat(60)}\r\n ${'b'.repeat(15)}\r\n`],
    [['a'.repeat(200)], `X: ${'a'.repeat(200)}\r\n`],
  ])('of %j', (tokens, text) => {
    expect(field('X', tokens)).toBe(text);
  });

  it('has lines of at most 998 octets, or none', () => {
    expect(lines(field('X', ['a', 'b'.repeat(997)]))).toHaveLength(2);
    expect(() => field('X', ['a', 'b'.repeat(998)])).toThrow(DataError);
    expect(() => field('X', ['a'.repeat(996)])).toThrow(DataError);
    expect(() => field('X', ['a', 'é'.repeat(600)])).toThrow(DataError);
  });

  it('folds 60 recipients at 78', () => {
    const tokens = Array.from({ length: 60 }, (_, at) =>
      mailboxTokens({ name: `Person Nr. ${at}`, address: `person.${at}@department.example.org` }),
    ).flatMap((own, at) => (at < 59 ? [...own.slice(0, -1), `${own.at(-1)},`] : own));
    const folded = lines(field('To', tokens));
    expect(folded.length).toBeGreaterThan(30);
    for (const line of folded) expect(line.length).toBeLessThanOrEqual(78);
    expect(unfolded(field('To', tokens))).toBe(`To: ${tokens.join(' ')}`);
  });
});

describe('textField', () => {
  it.each([
    ['with blanks', 'word '.repeat(1_000).trim()],
    ['without blanks', 'x'.repeat(5_000)],
    ['in Chinese, without blanks', '报'.repeat(5_000)],
    ['in Chinese, with blanks', '报告 '.repeat(1_666).trim()],
    ['of blanks', ' '.repeat(5_000)],
    ['of emoji', '👩‍👩‍👧‍👦'.repeat(200)],
  ])('keeps a subject of 5,000 characters %s within 78', (_, subject) => {
    const text = textField('Subject', subject);
    for (const line of lines(text)) {
      expect(line.length).toBeLessThanOrEqual(78);
      expect(line).toMatch(/\S/);
    }
    expect(decodeWords(unfolded(text).slice('Subject: '.length))).toBe(subject);
  });

  it('keeps a long word as it is where it fits on a line', () => {
    const url = `https://example.org/${'x'.repeat(800)}`;
    expect(unfolded(textField('Subject', `see ${url} now`))).toBe(`Subject: see ${url} now`);
  });

  it('comes back as it was, and folds wherever it could', () => {
    const text = fc.string({
      unit: fc.constantFrom('a', 'word', ' ', '  ', 'é', '报', '=?', '?=', '\t', 'x'.repeat(90), '👩‍👩‍👧‍👦'),
      maxLength: 60,
    });
    fc.assert(
      fc.property(fc.constantFrom('Subject', 'X-A-Rather-Long-Name-Of-A-Field'), text, (name, value) => {
        const written = textField(name, value);
        expect(decodeWords(unfolded(written).slice(name.length + 2))).toBe(value);
        for (const line of lines(written)) {
          expect(line).toMatch(/^[\x20-\x7e]*$/);
          expect(line.length <= 78 || !/\S \S/.test(line.replace(/^\S+: /, ''))).toBe(true);
          expect(Buffer.byteLength(line)).toBeLessThanOrEqual(998);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('what is refused', () => {
  it.each(['\r', '\n', '\0', 'a\r\nBcc: x@y'])('text with %j', (text) => {
    expect(() => checkText('it', text)).toThrow(DataError);
    expect(() => textField('Subject', text)).toThrow(DataError);
  });

  it.each(['', 'a b', 'a:', 'é', 'a\r\n', '\t', 'a\0', 'x'.repeat(77)])('the field name %j', (name) => {
    expect(() => checkFieldName(name)).toThrow(DataError);
  });

  it('a message of its own has no line break in it', () => {
    try {
      textField('Subject', `a\r\n${'x'.repeat(5_000)}`);
      expect.unreachable();
    } catch (error) {
      expect(String(error)).not.toMatch(/[\r\n]/);
      expect(String(error).length).toBeLessThan(300);
    }
  });
});
