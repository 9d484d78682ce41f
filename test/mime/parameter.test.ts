import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataError } from '../../src/errors.ts';
import { field } from '../../src/mime/header.ts';
import { parameter, plainFallback, withParameters } from '../../src/mime/parameter.ts';

/** A reader of RFC 2231 by the letter: the value of one parameter, from its tokens. */
function read(name: string, tokens: readonly string[]): string {
  let octets = '';
  for (const [index, token] of tokens.entries()) {
    const plain = /^([^=*]+)=(?:"((?:[^"\\]|\\.)*)"|([^"]*))$/s.exec(token);
    if (plain !== null) {
      expect([plain[1], tokens.length]).toEqual([name, 1]);
      return plain[3] ?? (plain[2] ?? '').replace(/\\(.)/gs, '$1');
    }
    const start = tokens.length === 1 ? `${name}*=` : `${name}*${index}*=`;
    expect(token.startsWith(start)).toBe(true);
    let value = token.slice(start.length);
    if (index === 0) {
      expect(value.startsWith("utf-8''")).toBe(true);
      value = value.slice("utf-8''".length);
    }
    expect(value).toMatch(/^(?:%[0-9A-F]{2}|[!#$&+.0-9A-Z^_`a-z{|}~-])*$/);
    // Each piece is whole characters: cut inside one, this throws.
    decodeURIComponent(value);
    octets += value;
  }
  return decodeURIComponent(octets);
}

describe('a parameter', () => {
  it.each([
    ['filename', 'a.pdf', ['filename=a.pdf']],
    ['filename', 'a b.pdf', ['filename="a b.pdf"']],
    ['name', '100%*', ['name="100%*"']],
    ['filename', 'a;"b"\\c', ['filename="a;\\"b\\"\\\\c"']],
    ['filename', '', ['filename=""']],
    ['filename', 'é.txt', ["filename*=utf-8''%C3%A9.txt"]],
    ['filename', "it's 100%*é", ["filename*=utf-8''it%27s%20100%25%2A%C3%A9"]],
    ['name', '\x7f', ["name*=utf-8''%7F"]],
  ])('%s of %j', (name, value, tokens) => {
    expect(parameter(name, value)).toEqual(tokens);
  });

  it('is numbered where it is long, and cut between characters', () => {
    const tokens = parameter('filename', '报'.repeat(100));
    expect(tokens.length).toBeGreaterThan(12);
    expect(tokens[10]).toMatch(/^filename\*10\*=%E6/);
  });

  it.each(['a\rb', 'a\nb', 'a\0b'])('refuses %j', (value) => {
    expect(() => parameter('filename', value)).toThrow(DataError);
  });

  it('comes back as it was, and never makes a line of more than 78', () => {
    const value = fc.string({
      unit: fc.oneof(
        fc.constantFrom('a', '"', '\\', ' ', ';', '%', "'", '*', 'é', '报', '👩‍👩‍👧‍👦', '.pdf', '='),
        fc.string({ unit: 'binary', maxLength: 2 }).map((text) => text.replace(/[\r\n\0]/g, '')),
      ),
      maxLength: 150,
    });
    fc.assert(
      fc.property(fc.constantFrom('filename', 'name'), value, (name, text) => {
        const tokens = parameter(name, text);
        expect(read(name, tokens)).toBe(Buffer.from(text).toString());
        for (const line of field('Content-Disposition', withParameters('attachment', tokens)).split('\r\n'))
          expect(line.length).toBeLessThanOrEqual(78);
      }),
      { numRuns: 500 },
    );
  });

  it('cuts quotes and backslashes so that they fit on a line, too', () => {
    for (const text of ['"'.repeat(60), '\\'.repeat(33), 'a'.repeat(60), 'a '.repeat(30)]) {
      for (const line of field('X', withParameters('attachment', parameter('filename', text))).split('\r\n'))
        expect(line.length).toBeLessThanOrEqual(78);
      expect(read('filename', parameter('filename', text))).toBe(text);
    }
  });
});

describe('the plain fallback', () => {
  it.each([
    ['a.pdf', 'a.pdf'],
    ['naïve café.pdf', 'naive cafe.pdf'],
    ['报告.pdf', '_.pdf'],
    ['ﬁnal.pdf', 'final.pdf'],
  ])('of %s is %s', (name, plain) => {
    expect(plainFallback(name)).toBe(plain);
  });

  it('is short, ASCII, one token, and keeps the ending', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        const name = `${text.replace(/[\r\n\0]/g, '')}.tar.gz`;
        const plain = plainFallback(name);
        expect(plain).toMatch(/^[\x20-\x7e]{1,60}$/);
        expect(plain.endsWith('.tar.gz')).toBe(true);
        expect(parameter('name', plain)).toHaveLength(1);
        expect(parameter('name', plain)[0]?.length).toBeLessThanOrEqual(76);
      }),
    );
  });
});
