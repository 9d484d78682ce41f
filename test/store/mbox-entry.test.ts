import { describe, expect, test } from 'vitest';
import { asctime, LfLines, MboxEntry, type Transform } from '../../src/store/mbox-entry.ts';
import { chunks, FEEDS } from '../feeds.ts';

function run(transform: Transform, text: string, size: number): string {
  const pieces = chunks(Buffer.from(text, 'latin1'), size).map((chunk) => Buffer.from(transform.push(chunk)));
  return Buffer.concat([...pieces, transform.end()]).toString('latin1');
}

describe.each(FEEDS)('fed $name', ({ size }) => {
  test.each([
    ['', ''],
    ['a\r\nb\r\n', 'a\nb\n'],
    ['a\rb\r\r\n\r', 'a\rb\r\n\r'],
    ['\r\n\r\n', '\n\n'],
    ['\n\xff\0\n', '\n\xff\0\n'],
  ])('LF lines: %j', (text, expected) => {
    expect(run(new LfLines(), text, size)).toBe(expected);
  });

  const entry = (text: string) => run(new MboxEntry(new Date('2026-11-01T06:05:04Z')), text, size);
  const HEAD = 'From MAILER-DAEMON Sun Nov  1 06:05:04 2026\n';

  test.each([
    ['Subject: x\r\n\r\nFrom here\r\n', 'Subject: x\n\n>From here\n'],
    ['\r\n>From a\r\n>>From b\r\n', '\n>>From a\n>>>From b\n'],
    [
      '\r\nFromage\r\n> From\r\nfrom me\r\n From x\r\nxFrom y\r\n',
      '\nFromage\n> From\nfrom me\n From x\nxFrom y\n',
    ],
    ['\r\nFrom \r\n', '\n>From \n'],
    ['a', 'a\n'],
    ['a\r\n>>Fro', 'a\n>>Fro\n'],
    ['', ''],
  ])('mbox: %j', (text, expected) => {
    expect(entry(text)).toBe(`${HEAD}${expected}\n`);
  });

  test('a line of nothing but > is not kept', () => {
    expect(entry(`${'>'.repeat(5000)}\r\n`)).toBe(`${HEAD}${'>'.repeat(5000)}\n\n`);
  });
});

test('asctime is in UTC', () => {
  expect(asctime(new Date('2026-11-21T23:59:59+02:00'))).toBe('Sat Nov 21 21:59:59 2026');
});
