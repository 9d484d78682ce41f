import { describe, expect, it } from 'vitest';
import { dateOf } from '../../src/cli/send/date.ts';
import { UsageError } from '../../src/errors.ts';

describe('a date', () => {
  it.each([
    '2026-11-21T10:00:00Z',
    '2026-11-21 10:00:00 +0000',
    '2026-11-21T11:00:00.000+01:00',
    'Sat, 21 Nov 2026 10:00:00 +0000',
    '21 Nov 2026 05:00 EST',
    'Saturday, 21 November 2026 10:00:00 GMT (UTC)',
    'Sat Nov 21 10:00:00 UTC 2026',
    'Sat Nov 21 10:00:00 +0000 2026',
  ])('may be written as %s', (text) => {
    expect(dateOf('--date', text).toISOString()).toBe('2026-11-21T10:00:00.000Z');
  });

  it.each([
    '',
    '5',
    '2026',
    'Backup 12',
    'tomorrow 5',
    '11/12/2026',
    '2026-02-30',
    '2026-13-01',
    '2026-11-21T25:00:00Z',
    '31 Feb 2026 10:00 +0000',
    '21 Now 2026 10:00 +0000',
    '21 Nov 2026 10:00 +0000\n',
    '21\nNov 2026 10:00 +0000',
  ])('is not %j', (text) => {
    expect(() => dateOf('--date', text)).toThrow(UsageError);
  });
});
