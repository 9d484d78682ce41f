import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataError } from '../../src/errors.ts';
import { dateText, messageIdOf, newBoundary, newMessageId, UNIQUE } from '../../src/mime/ids.ts';
import { readDate } from '../../src/mime/read-header.ts';

describe('message identifiers', () => {
  it('are new each time, and well formed', () => {
    const ids = new Set(Array.from({ length: 1_000 }, () => newMessageId('example.org', UNIQUE)));
    expect(ids.size).toBe(1_000);
    for (const id of ids) expect(messageIdOf(id, 'it')).toBe(id);
  });

  it.each([
    ['a@b', '<a@b>'],
    ['<a@b>', '<a@b>'],
    [' <a@b> ', '<a@b>'],
    ['a.b+c$d@[x]', '<a.b+c$d@[x]>'],
  ])('%j is %s', (text, id) => {
    expect(messageIdOf(text, 'it')).toBe(id);
  });

  it.each([
    '',
    'a',
    '@',
    'a@',
    '@b',
    'a b@c',
    '<a@b',
    'a@b>',
    'a@b@c',
    'é@b',
    'a@b\r\n',
    'a@b\r\nX: y',
    'a\0@b',
    `${'a'.repeat(1_000)}@b`,
  ])('%j is none', (text) => {
    expect(() => messageIdOf(text, 'it')).toThrow(DataError);
  });
});

it('boundaries are legal and hold what no encoding gives', () => {
  const boundaries = new Set(Array.from({ length: 1_000 }, () => newBoundary(UNIQUE)));
  expect(boundaries.size).toBe(1_000);
  for (const boundary of boundaries) expect(boundary).toMatch(/^=_[0-9a-z]{8,60}$/);
});

describe('dates', () => {
  it('come back to the second', () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date('1971-01-01'), max: new Date('9998-01-01'), noInvalidDate: true }),
        (date) => {
          const text = dateText(date);
          expect(text).toMatch(
            /^(?:Sun|Mon|Tue|Wed|Thu|Fri|Sat), \d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}$/,
          );
          expect(readDate(text)?.getTime()).toBe(Math.floor(date.getTime() / 1000) * 1000);
        },
      ),
    );
  });

  it.each(['Asia/Kolkata', 'America/St_Johns', 'Pacific/Apia', 'UTC'])('carry the offset of %s', (zone) => {
    const before = process.env['TZ'];
    process.env['TZ'] = zone;
    try {
      const date = new Date('2026-11-21T06:00:00Z');
      expect(readDate(dateText(date))).toEqual(date);
    } finally {
      if (before === undefined) delete process.env['TZ'];
      else process.env['TZ'] = before;
    }
  });

  it.each([new Date(Number.NaN), new Date('1899-06-01'), new Date('-000001-01-01'), new Date(8.64e15)])(
    'refuses %s',
    (date) => {
      expect(() => dateText(date)).toThrow(DataError);
    },
  );
});
