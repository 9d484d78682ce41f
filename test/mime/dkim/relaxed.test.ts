import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rawFields, signedFields } from '../../../src/mime/dkim/field.ts';
import { RelaxedBody, relaxedField } from '../../../src/mime/dkim/relaxed.ts';
import { chunks, FEEDS } from '../../feeds.ts';
import { BODY_HASH, MESSAGE } from './rfc8463.ts';

/** The body in relaxed form, fed in chunks of `size`; each chunk's memory is overwritten once it was taken. */
function relaxed(body: string | Uint8Array, size = Number.POSITIVE_INFINITY): string {
  const pieces: Buffer[] = [];
  const made = new RelaxedBody((octets) => void pieces.push(Buffer.from(octets)));
  for (const chunk of chunks(body, size)) {
    made.push(chunk);
    chunk.fill(0x58);
  }
  made.finish();
  return Buffer.concat(pieces).toString('latin1');
}

/** RFC 6376 3.4.4, word for word, for a body in memory. */
function naive(body: string): string {
  const lines = body.split('\r\n').map((line) => line.replace(/[ \t]+/g, ' ').replace(/ $/, ''));
  while (lines.at(-1) === '') lines.pop();
  return lines.map((line) => `${line}\r\n`).join('');
}

describe('a body in relaxed form', () => {
  describe.each(FEEDS)('$name', ({ size }) => {
    it.each([
      ['of RFC 6376 3.4.5', ' C \r\nD \t E\r\n\r\n\r\n', ' C\r\nD E\r\n'],
      ['of nothing', '', ''],
      ['of empty lines', '\r\n\r\n\r\n', ''],
      ['of blanks', ' \t \r\n \r\n\t', ''],
      ['without a last line end', 'a\r\nb', 'a\r\nb\r\n'],
      ['with blanks behind its last line', 'a\r\nb \t', 'a\r\nb\r\n'],
      ['with empty lines in it', 'a\r\n\r\n \r\n\r\nb\r\n\r\n', 'a\r\n\r\n\r\n\r\nb\r\n'],
      ['that begins with empty lines', '\r\n\r\na\r\n', '\r\n\r\na\r\n'],
      ['with a blank before its lines', ' a\r\n\tb\r\n', ' a\r\n b\r\n'],
      ['with a CR and a LF that are no line ends', 'a \rb \nc\r', 'a \rb \nc\r\r\n'],
      ['with a CR behind a blank at its end', 'a \r', 'a \r\r\n'],
      ['of other octets', '\u00a0\u0085\u000b a\r\n', '\u00a0\u0085\u000b a\r\n'],
    ])('%s', (_, body, made) => {
      expect(relaxed(Buffer.from(body, 'latin1'), size)).toBe(made);
      expect(naive(body)).toBe(made);
    });
  });

  it('is that of a reader that has all of it in memory, for any body in any chunks', () => {
    const body = fc.string({
      unit: fc.constantFrom('\r\n', '\r\n\r\n', ' ', '\t', '  ', 'a', 'word', '\r', '\n', '\u00e9', ' \r\n'),
      maxLength: 60,
    });
    const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(body, sizes, (text, cuts) => {
        const bytes = Buffer.from(text, 'latin1');
        const pieces: Buffer[] = [];
        const made = new RelaxedBody((octets) => void pieces.push(Buffer.from(octets)));
        for (let at = 0, cut = 0; at < bytes.length; cut++) {
          const size = cuts[cut % cuts.length] ?? 1;
          made.push(Uint8Array.from(bytes.subarray(at, at + size)));
          at += size;
        }
        made.finish();
        expect(Buffer.concat(pieces).toString('latin1')).toBe(naive(text));
      }),
      { numRuns: 3_000 },
    );
  });

  it('holds nothing back but a count of line ends', () => {
    let octets = 0;
    let largest = 0;
    const made = new RelaxedBody(({ length }) => {
      octets += length;
      largest = Math.max(largest, length);
    });
    const lines = Buffer.from('\r\n'.repeat(50_000));
    made.push(Buffer.from('a'));
    for (let n = 0; n < 1_000; n++) made.push(lines);
    expect(octets).toBe(1);
    made.push(Buffer.from('b'));
    expect(octets).toBe(1 + 1_000 * lines.length + 1);
    expect(largest).toBeLessThan(100_000);
  });

  it('has the hash of RFC 8463 A.3', () => {
    const body = MESSAGE.slice(MESSAGE.indexOf('\r\n\r\n') + 4);
    expect(createHash('sha256').update(relaxed(body)).digest('base64')).toBe(BODY_HASH);
  });
});

describe('a header field in relaxed form', () => {
  it.each([
    ['of RFC 6376 3.4.5', 'A: X', 'a:X'],
    ['of RFC 6376 3.4.5, folded', 'B : Y\t\r\n\tZ  ', 'b:Y Z'],
    ['without a value', 'Subject:', 'subject:'],
    ['of blanks', 'Subject: \t \r\n ', 'subject:'],
    ['with colons', 'Subject: a : b', 'subject:a : b'],
    ['folded before its value', 'Subject:\r\n  x\r\n\ty', 'subject:x y'],
    ['with other octets at its ends', 'Subject: \u00a0x\u000b', 'subject:\u00a0x\u000b'],
  ])('%s', (_, field, made) => {
    expect(relaxedField(field)).toBe(made);
  });

  it('takes no time that grows with the square of its blanks', () => {
    const blanks = ' '.repeat(1_000_000);
    expect(relaxedField(`A:${blanks}x${blanks}y`)).toBe('a:x y');
  });
});

describe('the fields of a signature', () => {
  const fields = rawFields(
    Buffer.from('A: 1\r\nno field\r\n of it\r\nb: 2\r\n 3\r\nA:4\r\nTo : x\r\na: 5\r\n\r\n', 'latin1'),
  );

  it('are told apart, folds and all, without what is no field', () => {
    expect(fields).toEqual([
      { name: 'a', text: 'A: 1' },
      { name: 'b', text: 'b: 2\r\n 3' },
      { name: 'a', text: 'A:4' },
      { name: 'to', text: 'To : x' },
      { name: 'a', text: 'a: 5' },
    ]);
  });

  it('are taken from the bottom, as often as they are named and there (RFC 6376 5.4.2)', () => {
    expect(signedFields(['a', 'b', 'a', 'c'], fields)).toBe('a:5\r\nb:2 3\r\na:4\r\n');
    expect(signedFields(['a', 'a', 'a', 'a'], fields)).toBe('a:5\r\na:4\r\na:1\r\n');
  });
});
