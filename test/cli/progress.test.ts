import { describe, expect, it } from 'vitest';
import { duration, octets, progressLine } from '../../src/cli/progress.ts';

describe('progressLine', () => {
  it('tells share, amount, rate and time left', () => {
    expect(progressLine({ label: 'sending', total: 200e6 }, 50e6, 2_000)).toBe(
      'sending ██████░░░░░░░░░░░░░░░░░░ 25% of 200 MB, 25.0 MB/s, 6 s left',
    );
  });

  it('never passes 100 %, whatever size the server stated', () => {
    expect(progressLine({ label: 'x', total: 10 }, 1_000, 1_000)).toMatch(/ 100% of 10 B, 1\.0 kB\/s$/);
  });

  it('rounds down: 100 % is only what is done', () => {
    expect(progressLine({ label: 'x', total: 1_000 }, 999, 1_000)).toContain(' 99% ');
  });

  it.each([undefined, 0])('has neither bar nor share when the whole is unknown (%s)', (total) => {
    expect(progressLine({ label: 'receiving', total }, 3e6, 1_500)).toBe('receiving 3.0 MB, 2.0 MB/s');
  });

  it('shows a hostile label without obeying it', () => {
    expect(progressLine({ label: '\u001b[2Jx\n' }, 0, 0)).toMatch(/^\^\[\[2Jx\^J /);
  });
});

it.each([
  [0, '0 B'],
  [999, '999 B'],
  [1_000, '1.0 kB'],
  [99_949, '99.9 kB'],
  [99_951, '100 kB'],
  [999_499, '999 kB'],
  [999_600, '1.0 MB'],
  [5e15, '5000 TB'],
])('octets(%d)', (count, text) => {
  expect(octets(count)).toBe(text);
});

it.each([
  [0.2, '1 s'],
  [59.4, '59 s'],
  [125, '2 min 5 s'],
  [12_000, '3 h 20 min'],
])('duration(%d)', (seconds, text) => {
  expect(duration(seconds)).toBe(text);
});
