import { describe, expect, test } from 'vitest';
import { LineFramer } from '../../src/codec/lines.ts';
import { ProtocolError } from '../../src/errors.ts';
import { chunks, FEEDS } from '../feeds.ts';

function frame(input: string | Uint8Array, size: number, limit = 4096): string[] {
  const framer = new LineFramer(limit);
  const lines: string[] = [];
  for (const chunk of chunks(input, size)) {
    framer.push(chunk);
    for (let line = framer.next(); line !== undefined; line = framer.next()) {
      lines.push(`${line.bytes.toString('latin1')}|${line.ending}`);
    }
  }
  return lines;
}

describe.each(FEEDS)('lines, fed $name', ({ size }) => {
  test.each([
    ['250 ok\r\n', ['250 ok|CRLF']],
    ['250-a\r\n250 b\r\n', ['250-a|CRLF', '250 b|CRLF']],
    ['+OK\n', ['+OK|LF']],
    ['\r\n', ['|CRLF']],
    ['\n', ['|LF']],
    ['a\rb\r\n', ['a\rb|CRLF']],
    ['a\r\r\n', ['a\r|CRLF']],
    ['half', []],
    ['half\r', []],
    ['whole\r\nhalf', ['whole|CRLF']],
  ])('%j', (input, lines) => {
    expect(frame(input, size)).toEqual(lines);
  });

  test('UTF-8 is not torn', () => {
    expect(frame(Buffer.from('550 Ünbekannt\r\n'), size)).toEqual([
      `${Buffer.from('550 Ünbekannt').toString('latin1')}|CRLF`,
    ]);
  });

  test.each([
    ['one under the limit', 9, true],
    ['at the limit', 10, true],
    ['one over the limit', 11, false],
  ])('a line %s', (_, length, fits) => {
    const input = `${'x'.repeat(length)}\r\n`;
    if (fits) expect(frame(input, size, 10)).toHaveLength(1);
    else expect(() => frame(input, size, 10)).toThrow(ProtocolError);
  });

  test('an endless line fails as soon as it passes the limit', () => {
    expect(() => frame('x'.repeat(12), size, 10)).toThrow('more than 10 octets');
  });
});

test('what a block reader does not use comes back', () => {
  const framer = new LineFramer(100);
  framer.push(Buffer.from('first\r\nsecond\r\nthi'));
  framer.next();
  const all = framer.take();
  expect(all.toString()).toBe('second\r\nthi');
  expect(framer.size).toBe(0);
  framer.push(all.subarray(8));
  framer.push(Buffer.from('rd\r\n'));
  expect(framer.next()?.bytes.toString()).toBe('third');
});
