import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exitOfSeveral } from '../../src/cli/exit.ts';
import { inParallel } from '../../src/cli/fetch/schedule.ts';

describe('inParallel', () => {
  it('keeps all limits, begins in order, leaves nothing out, and gives the results in order', async () => {
    const items = fc.array(
      fc.record({ host: fc.constantFrom('a', 'b', 'c'), turns: fc.integer({ min: 1, max: 5 }) }),
      {
        maxLength: 12,
      },
    );
    await fc.assert(
      fc.asyncProperty(items, fc.integer({ min: 1, max: 5 }), async (given, jobs) => {
        const working: string[] = [];
        let most = 0;
        const results = await inParallel(
          given.map((item, at) => ({ ...item, at })),
          { jobs, limitsOf: ({ host }) => [{ group: host, most: 2 }] },
          async ({ host, turns, at }) => {
            working.push(host);
            most = Math.max(most, working.length);
            expect(working.length).toBeLessThanOrEqual(jobs);
            expect(working.filter((other) => other === host).length).toBeLessThanOrEqual(2);
            for (let turn = 0; turn < turns; turn++) await Promise.resolve();
            working.splice(working.indexOf(host), 1);
            return at;
          },
        );
        expect(results).toEqual(given.map((_, at) => at));
        if (given.length > 1 && jobs > 1) expect(most).toBeGreaterThan(1);
      }),
    );
  });

  it('one host that is busy holds up no other', async () => {
    const begun: string[] = [];
    let free: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      free = resolve;
    });
    const done = inParallel(
      ['a1', 'a2', 'a3', 'b1'],
      { jobs: 4, limitsOf: (name) => [{ group: name.slice(0, 1), most: 2 }] },
      async (name) => {
        begun.push(name);
        await held;
      },
    );
    expect(begun).toEqual(['a1', 'a2', 'b1']);
    free();
    await done;
    expect(begun).toEqual(['a1', 'a2', 'b1', 'a3']);
  });
});

describe('the exit code of several accounts', () => {
  it.each<[number[], number]>([
    [[], 0],
    [[0, 0], 0],
    [[0, 75], 75],
    [[75, 75], 75],
    [[75, 77, 69], 77],
    [[69, 75, 77], 69],
    [[77, 0, 79], 79],
    [[79, 130], 130],
    [[75, 143], 143],
    [[1, 1], 1],
    [[1, 0], 0],
    [[1, 75], 75],
  ])('%j: %i', (exits, expected) => {
    expect(exitOfSeveral(exits)).toBe(expected);
  });
});
