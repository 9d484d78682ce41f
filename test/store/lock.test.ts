import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { exitOfError } from '../../src/cli/exit.ts';
import { LockedError } from '../../src/errors.ts';
import { Lock } from '../../src/store/lock.ts';
import { accountFileName, hostPart } from '../../src/store/names.ts';
import { beginningOf, processSpace } from '../../src/store/processes.ts';
import { stateDirectory, stateFiles } from '../../src/store/state.ts';
import { faulty, temporaryDirectory } from './messages.ts';

const at = temporaryDirectory();
const what = 'the maildrop of alice';
const acquire = (more = {}) => Lock.acquire(at('l'), { what, ...more });
const here = `${hostPart()} ${processSpace()}`;
/** No machine gives such a number to a process. */
const NOBODY = 4_194_999;

describe('a lock', () => {
  test('is for one at a time, and the error says for whom', async () => {
    const first = await acquire();
    const refused = acquire();
    await expect(refused).rejects.toThrow(LockedError);
    await expect(refused).rejects.toThrow(`the maildrop of alice is in use by process ${process.pid}`);
    const error = await refused.catch((thrown) => thrown);
    expect([exitOfError(error), error.code, error.retryable]).toEqual([75, 'ELOCKED', true]);
    expect(error.hint).toContain(at('l'));
    first.release();
    expect(readdirSync(at('.'))).toEqual([]);
    const second = await acquire();
    first.release(); // once more, and not the other's
    expect(existsSync(at('l'))).toBe(true);
    expect(second.inherited).toBe(false);
    second.release();
  });

  test('is given back at the end of its block', async () => {
    {
      using _lock = await acquire();
      expect(readFileSync(at('l'), 'latin1').split('\n')[0]).toBe(String(process.pid));
    }
    expect(existsSync(at('l'))).toBe(false);
  });

  test('who waits gets it when it is given back', async () => {
    const first = await acquire();
    const second = acquire({ waitMs: 20_000 });
    first.release();
    (await second).release();
  });

  test('who waits can be interrupted', async () => {
    using _lock = await acquire();
    await expect(acquire({ waitMs: 20_000, signal: AbortSignal.abort() })).rejects.toThrow('abort');
  });

  test('of many at once one gets it, also where a killed run left its own', async () => {
    for (let round = 0; round < 30; round++) {
      if (round % 2 === 0) writeFileSync(at('l'), `${NOBODY}\n${here} 1 1\n`);
      const all = await Promise.allSettled(Array.from({ length: 8 }, () => acquire()));
      const held = all.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
      expect(held.length).toBeLessThanOrEqual(1);
      for (const lock of held) lock.release();
    }
    (await acquire({ waitMs: 5_000 })).release();
    expect(readdirSync(at('.'))).toEqual([]);
  });
});

describe('a lock that was left behind', () => {
  test.each([
    ['its process is gone', `${NOBODY}\n${here} 1 1\n`, true],
    ['its number is another process’s now', `${process.pid}\n${here} 1 1\n`, true],
    ['its process runs', `${process.pid}\n${here} ${beginningOf(process.pid)} 1\n`, false],
    ['another machine, just now', `${NOBODY}\nelsewhere x 1 1\n`, false],
    ['an earlier start of the machine, just now', `${NOBODY}\n${hostPart()} other-boot/pid:[1] 1 1\n`, false],
    ['another program, which wrote nothing', '', false],
    ['another program, which wrote a 0', '0', false],
    ['something else', 'x'.repeat(5000), false],
  ])('%s', async (_, content, taken) => {
    writeFileSync(at('l'), content);
    if (taken) {
      const lock = await acquire();
      expect(lock.inherited).toBe(true);
      lock.release();
    } else {
      await expect(acquire()).rejects.toThrow(LockedError);
      expect(readFileSync(at('l'), 'latin1')).toBe(content);
    }
  });

  test.each([
    ['another machine', `${NOBODY}\nelsewhere x 1 1\n`],
    ['nothing', ''],
  ])('counts as given back after a long silence: %s', async (_, content) => {
    writeFileSync(at('l'), content);
    utimesSync(at('l'), Date.now() / 1000 - 3600, Date.now() / 1000 - 3600);
    (await acquire()).release();
  });

  test('by a process that was killed', async () => {
    const child = spawn('sleep', ['100']);
    await once(child, 'spawn');
    writeFileSync(at('l'), `${child.pid}\n${here} ${beginningOf(child.pid ?? 0)} 1\n`);
    await expect(acquire()).rejects.toThrow(`in use by process ${child.pid}`);
    child.kill('SIGKILL');
    await once(child, 'exit');
    (await acquire()).release();
  });

  test('is not taken from who took it over meanwhile', async () => {
    writeFileSync(at('l'), `${NOBODY}\n${here} 1 1\n`);
    let once = true;
    const { disk } = faulty((call, _, [, path]) => {
      // Between our look and our guard another process removes the old lock and makes its own.
      if (once && call === 'link' && String(path).endsWith('.takeover')) {
        once = false;
        unlinkSync(at('l'));
        writeFileSync(at('l'), `${process.pid}\n${here} ${beginningOf(process.pid)} 999\n`);
      }
      return undefined;
    });
    await expect(acquire({ disk })).rejects.toThrow(LockedError);
    expect(readFileSync(at('l'), 'latin1')).toContain(' 999\n');
  });
});

test('it has its name only when it says whose it is; what a killed run left of making it goes', async () => {
  writeFileSync(at('l.P4194999B1Q1'), '');
  writeFileSync(at(`l.P${process.pid}B1Q1`), '');
  writeFileSync(at('l.P1.txt'), '');
  const seen: (string | undefined)[] = [];
  const { disk } = faulty((call) => {
    if (call === 'write') seen.push(existsSync(at('l')) ? 'there' : undefined);
    return undefined;
  });
  const lock = await acquire({ disk });
  expect(seen).toEqual([undefined]);
  expect(readdirSync(at('.')).sort()).toEqual(['l', 'l.P1.txt']);
  lock.release();
});

test.each(['EPERM', 'EOPNOTSUPP'])('without links (%s) it is for one at a time, too', async (code) => {
  const { disk } = faulty((call) => (call === 'link' ? code : undefined));
  const lock = await acquire({ disk });
  await expect(acquire({ disk })).rejects.toThrow(LockedError);
  lock.release();
  expect(readdirSync(at('.'))).toEqual([]);
});

test('a directory that is not there is told as such: 73', async () => {
  const error = await Lock.acquire(at('no/l'), { what }).catch((thrown) => thrown);
  expect([exitOfError(error), error.message]).toEqual([
    73,
    `cannot make ${at('no/l')}: the directory is not there`,
  ]);
});

describe('the state directory', () => {
  test.each([
    [{ HOME: '/home/a' }, '/home/a/.local/state/mailtool'],
    [{ HOME: '/home/a', XDG_STATE_HOME: '/s' }, '/s/mailtool'],
    [{ HOME: '/home/a', XDG_STATE_HOME: 's' }, '/home/a/.local/state/mailtool'],
    [{ HOME: '/home/a', XDG_STATE_HOME: '' }, '/home/a/.local/state/mailtool'],
    [{ HOME: '/home/a', XDG_STATE_HOME: '/s', MAILTOOL_STATE_DIR: '/own' }, '/own'],
  ])('%j', (env, directory) => {
    expect(stateDirectory(env)).toBe(directory);
  });

  test('is made for its owner only, and accounts have names of their own in it', async () => {
    const { journal, lock } = await stateFiles(at('state/mailtool'), {
      host: 'POP.example.org',
      port: 995,
      user: 'a/../b',
    });
    expect(
      [journal, lock].map((path) => path.startsWith(at('state/mailtool/pop.example.org_a-..-b-'))),
    ).toEqual([true, true]);
    const name = (host: string, port: number, user: string) => accountFileName({ host, port, user });
    expect(name('h', 1, 'u')).not.toBe(name('h', 2, 'u'));
    expect(name('h', 1, 'u')).not.toBe(name('h', 1, 'U'));
    expect(name('H', 1, 'u')).toBe(name('h', 1, 'u'));
    expect(name('.', 1, '/'.repeat(500))).toMatch(/^[a-z0-9_@-][a-z0-9.@_-]{10,80}$/);
  });
});
