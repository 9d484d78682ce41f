import { describe, expect, test } from 'vitest';
import { Pace, type PaceOptions } from '../../src/cli/wait/pace.ts';

const HOUR = 3_600_000;

/** The pauses after looks that all go well, each look taking no time. */
function pauses(options: PaceOptions, count: number, loginDelay?: number): (number | undefined)[] {
  const pace = new Pace(options);
  return Array.from({ length: count }, () => {
    pace.looked(0, loginDelay);
    return pace.pauseMs(0, HOUR);
  });
}

describe('between looks that go well', () => {
  test('on this machine half a second, always', () => {
    expect(pauses({ here: true }, 3)).toEqual([500, 500, 500]);
  });
  test('elsewhere a second, growing to five', () => {
    expect(pauses({ here: false }, 6)).toEqual([1_000, 1_500, 2_250, 3_375, 5_000, 5_000]);
  });
  test('what was asked for', () => {
    expect(pauses({ here: false, intervalMs: 30_000 }, 2)).toEqual([30_000, 30_000]);
  });
  test('never less than LOGIN-DELAY, from log-in to log-in', () => {
    expect(pauses({ here: true }, 2, 60)).toEqual([60_000, 60_000]);
    const pace = new Pace({ here: true });
    pace.looked(4_000, 60);
    expect(pace.pauseMs(4_000, HOUR)).toBe(56_000);
  });
});

describe('after a failure', () => {
  const failing = (options: PaceOptions, count: number, code?: string) => {
    const pace = new Pace(options);
    return Array.from({ length: count }, () => {
      pace.failed(code);
      return pace.pauseMs(0, HOUR);
    });
  };
  test('longer and longer, up to ten seconds', () => {
    expect(failing({ here: true }, 6, 'IN-USE')).toEqual([1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
  });
  test('a server that wants a delay without saying which gets more each time, and keeps it', () => {
    const pace = new Pace({ here: true });
    pace.failed('LOGIN-DELAY');
    expect(pace.pauseMs(0, HOUR)).toBe(2_000);
    pace.failed('LOGIN-DELAY');
    expect(pace.pauseMs(0, HOUR)).toBe(4_000);
    pace.looked(0, undefined);
    expect(pace.pauseMs(0, HOUR)).toBe(4_000);
  });
  test('a look that goes well ends it', () => {
    const pace = new Pace({ here: true });
    pace.failed(undefined);
    pace.looked(0, undefined);
    expect(pace.pauseMs(0, HOUR)).toBe(500);
  });
});

describe('at the end', () => {
  const pauseMs = (options: PaceOptions, remainingMs: number, loginDelay?: number) => {
    const pace = new Pace(options);
    pace.looked(0, loginDelay);
    return pace.pauseMs(0, remainingMs);
  };
  test('one more look, just before it', () => {
    expect(pauseMs({ here: false }, 900)).toBe(700);
    expect(pauseMs({ here: false }, 200)).toBeUndefined();
  });
  test('none where the server allows none', () => {
    expect(pauseMs({ here: false }, 30_000, 60)).toBeUndefined();
    expect(pauseMs({ here: false }, 61_000, 60)).toBe(60_000);
  });
  test('where nothing may come until then the last look waits for it', () => {
    expect(pauseMs({ here: false, untilTheEnd: true }, 100_200, 60)).toBe(100_000);
    expect(pauseMs({ here: false, untilTheEnd: true }, 200_000, 60)).toBe(60_000);
  });
});
