import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { dialogue } from '../dialogue.ts';
import { BYE, maildrop, settings } from './maildrop.ts';
import { mailtool, type Ran } from './mailtool.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mailtool-test-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Runs `fetch` once for each script, against servers that are one and the same account. */
async function fetches(scripts: readonly string[], ...runs: readonly (readonly string[])[]): Promise<Ran[]> {
  return dialogue(scripts, {}, async (port) => {
    const outcomes: Ran[] = [];
    for (const args of runs) {
      const env = { ...settings(port), XDG_STATE_HOME: join(folder, 'state') };
      outcomes.push(await mailtool(['fetch', ...args], { env, cwd: folder }));
    }
    return outcomes;
  });
}

const ids = (...uids: string[]) => maildrop(uids.map((uid) => ({ uid })));
const text = (number: number) => `Subject: ${number}\r\n\r\nbody ${number}\r\n`;
const whole = (number: number) => `S: +OK\nS: Subject: ${number}\nS:\nS: body ${number}\nS: .`;
const retr = (...numbers: number[]) =>
  [...numbers.map((number) => `C: RETR ${number}`), ...numbers.map(whole)].join('\n');
const dele = (...numbers: number[]) =>
  [...numbers.map((number) => `C: DELE ${number}`), ...numbers.map(() => 'S: +OK')].join('\n');
const into = ['--maildir', 'Mail'];
const stored = () =>
  readdirSync(join(folder, 'Mail/new'))
    .map((name) => readFileSync(join(folder, 'Mail/new', name), 'latin1'))
    .sort();
const lines = ({ stdout }: Ran) =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('fetch', () => {
  test('takes what is new, once, and leaves it on the server; nothing new is no output', async () => {
    const [first, second, third] = await fetches(
      [
        `${ids('a', 'b')}\n${retr(1, 2)}\n${BYE}`,
        `${ids('a', 'b')}\n${BYE}`,
        `${ids('b', 'c')}\n${retr(2)}\n${BYE}`,
      ],
      into,
      into,
      [...into, '--json'],
    );
    expect(first).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
    expect(second).toEqual(first);
    expect(stored()).toEqual([text(1), text(2), text(2)]);
    expect(lines(third as Ran)).toEqual([
      { number: 2, uid: 'c', size: 22, status: 'stored', path: expect.stringMatching(/^Mail\/new\//) },
      expect.objectContaining({
        schema: 'mailtool.fetch/1',
        ok: true,
        stored: 1,
        failed: 0,
        committed: null,
      }),
    ]);
  });

  test('--delete: only what is stored, and it is said when the server has confirmed it', async () => {
    const [outcome] = await fetches(
      [`${ids('a', 'b')}\n${retr(1, 2)}\n${dele(1, 2)}\n${BYE}`],
      [...into, '--delete', '--json'],
    );
    expect(lines(outcome as Ran).at(-1)).toMatchObject({ ok: true, stored: 2, deleted: 2, committed: true });
  });

  test('messages of one unique-id are different messages', async () => {
    await fetches([`${ids('a', 'a')}\n${retr(1, 2)}\n${BYE}`, `${ids('a', 'a')}\n${BYE}`], into, into);
    expect(stored()).toEqual([text(1), text(2)]);
  });

  test('the connection is lost in a message: what came whole is kept, nothing is deleted, the rest comes later', async () => {
    const [lost, next] = await fetches(
      [
        `${ids('a', 'b')}\nC: RETR 1\nC: RETR 2\n${whole(1)}\nS: +OK\nS: Subject: 2\n*: close`,
        `${ids('a', 'b')}\nC: RETR 2\n${whole(2)}\n${dele(1, 2)}\n${BYE}`,
      ],
      [...into, '--delete'],
      [...into, '--delete'],
    );
    expect(lost?.code).toBe(75);
    expect(next).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
    expect(stored()).toEqual([text(1), text(2)]);
    expect(readdirSync(join(folder, 'Mail/tmp'))).toEqual([]);
  });

  test('LF alone, from a server that never sends anything else: mail as any other', async () => {
    const text = 'Subject: 1\n\n.body\n';
    const script = `${ids('a')}\nC: RETR 1\nS: +OK\nS: Subject: 1\nS:\nS: ..body\nS: .\nC: DELE 1\nS: +OK\n${BYE}`;
    const env = { XDG_STATE_HOME: join(folder, 'state') };
    const ran = await dialogue(script, { ending: '\n' }, (port) =>
      mailtool(['fetch', ...into, '--delete'], { env: { ...settings(port), ...env }, cwd: folder }),
    );
    expect(ran).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
    expect(stored()).toEqual([text]);
  });

  test('LF alone in messages, from a server that greets with CRLF: 75 in time, the reason, and nothing stored', async () => {
    const [ran] = await fetches(
      [`${ids('a')}\nC: RETR 1\nS: +OK\nS- Subject: 1\\n\\nbody\\n.\\n\n*: silence`],
      [...into, '--delete', '--timeout', '1s'],
    );
    expect(ran).toMatchObject({ code: 75, stdout: '' });
    expect(ran?.stderr).toMatch(/timed out after 1 s[\s\S]*hint: .*LF alone/);
    expect(stored()).toEqual([]);
    expect(readdirSync(join(folder, 'Mail/tmp'))).toEqual([]);
  });

  test('one that the server does not give: the others come; after five times it is left alone', async () => {
    const failing = `${ids('a', 'b')}\nC: RETR 1\nS: -ERR no\n${BYE}`;
    const outcomes = await fetches(
      [
        `${ids('a', 'b')}\nC: RETR 1\nC: RETR 2\nS: -ERR no\n${whole(2)}\n${BYE}`,
        ...Array.from({ length: 4 }, () => failing),
        `${ids('a', 'b')}\n${BYE}`,
        `${ids('a', 'b')}\nC: RETR 1\n${whole(1)}\n${BYE}`,
      ],
      ...Array.from({ length: 6 }, () => into),
      [...into, '--retry-failed'],
    );
    expect(outcomes.map(({ code }) => code)).toEqual([69, 69, 69, 69, 69, 0, 0]);
    expect(outcomes[0]?.stderr).toContain('uid:a');
    expect(outcomes[5]?.stderr).toMatch(/uid:a .*--retry-failed/);
    expect(stored()).toEqual([text(1), text(2)]);
  });

  test('no answer to QUIT: 79, and the next run deletes without fetching again', async () => {
    const [unknown, next] = await fetches(
      [`${ids('a')}\n${retr(1)}\n${dele(1)}\nC: QUIT\n*: close`, `${ids('a')}\n${dele(1)}\n${BYE}`],
      [...into, '--delete'],
      [...into, '--delete', '--json'],
    );
    expect(unknown?.code).toBe(79);
    expect(lines(next as Ran)).toEqual([expect.objectContaining({ stored: 0, deleted: 1, committed: true })]);
    expect(stored()).toEqual([text(1)]);
  });

  test('--max-size, --limit, --dry-run and --check', async () => {
    const drop = maildrop([{ uid: 'a', size: 2000 }, { uid: 'b' }, { uid: 'c' }]);
    const looked = `${drop}\n${BYE}`;
    const [plan, check, limited, rest, over] = await fetches(
      [looked, looked, `${drop}\n${retr(2)}\n${BYE}`, `${drop}\n${retr(3)}\n${BYE}`, looked],
      [...into, '-n', '--max-size', '1k', '--delete'],
      ['--check'],
      [...into, '--max-size', '1k', '--limit', '1'],
      [...into, '--max-size', '1k'],
      [...into, '--max-size', '1k', '--check'],
    );
    expect(plan?.stdout).toBe(
      'would fetch 2 uid:b (100 B), and delete\nwould fetch 3 uid:c (100 B), and delete\nwould skip 1 uid:a (2.0 kB): too-large\n',
    );
    expect(check).toMatchObject({ code: 0, stdout: '3 2200\n' });
    expect([limited?.code, rest?.code]).toEqual([0, 0]);
    expect(over).toMatchObject({ code: 1, stdout: '0 0\n' });
    expect(stored()).toEqual([text(2), text(3)]);
  });

  test('--delete-after waits, and --keep-newest holds on', async () => {
    const [, later] = await fetches(
      [`${ids('a', 'b')}\n${retr(1, 2)}\n${BYE}`, `${ids('a', 'b')}\n${dele(1)}\n${BYE}`],
      [...into, '--delete-after', '7d'],
      [...into, '--delete', '--keep-newest', '1'],
    );
    expect(later?.code).toBe(0);
  });

  test('--delete-after without a unit, which might be days: 64', async () => {
    const ran = await mailtool(['fetch', ...into, '--delete-after', '7'], {
      env: { ...settings(1), XDG_STATE_HOME: join(folder, 'state') },
      cwd: folder,
    });
    expect(ran).toMatchObject({ code: 64, stdout: '' });
    expect(ran.stderr).toContain('--delete-after: "7" has no unit: write 7d for days, or 7h for hours');
  });

  test('one message without a unique-id holds up no other; it is named, and 69', async () => {
    const nameless = ids('a', ' ', 'c');
    const [json, dry, check] = await fetches(
      [`${nameless}\n${retr(1, 3)}\n${dele(1, 3)}\n${BYE}`, `${nameless}\n${BYE}`, `${nameless}\n${BYE}`],
      [...into, '--delete', '--json'],
      [...into, '--dry-run', '--all'],
      [...into, '--check', '--all'],
    );
    expect(json?.code).toBe(69);
    expect(json?.stderr).toMatch(/warning: message 2 has no unique-id, and stays on the server\n/);
    expect(lines(json as Ran)[0]).toMatchObject({
      number: 2,
      uid: null,
      status: 'skipped',
      reason: 'no-uid',
    });
    expect(lines(json as Ran).at(-1)).toMatchObject({
      ok: false,
      stored: 2,
      skipped: 1,
      deleted: 2,
      error: { code: 'EUNSUPPORTED', message: expect.stringContaining('to 1 of its messages') },
    });
    expect(stored()).toEqual([text(1), text(3)]);
    expect(dry).toMatchObject({ code: 0, stdout: expect.stringContaining('would skip 2 (100 B): no-uid\n') });
    expect(check).toMatchObject({ code: 0, stdout: '2 200\n' });
  });

  test('no unique-ids at all: 69, and nothing is fetched', async () => {
    const [ran] = await fetches([`${ids(' ', ' ')}\n*: end`], into);
    expect(ran).toMatchObject({ code: 69, stderr: expect.stringContaining('to 2 of its messages') });
  });

  test('a command that is not there is no fault of the messages, however often', async () => {
    const nowhere = ['--exec', 'nowhere-to-be-found --password secret'];
    const runs = await fetches(
      [...Array.from({ length: 6 }, () => `${ids('a')}\n${retr(1)}\n${BYE}`)],
      ...Array.from({ length: 5 }, () => nowhere),
      into,
    );
    expect(runs.map(({ code }) => code)).toEqual([74, 74, 74, 74, 74, 0]);
    expect(runs[0]?.stderr).toContain('nowhere-to-be-found returned 127');
    expect(runs[0]?.stderr).not.toContain('secret');
    expect(stored()).toEqual([text(1)]);
  });

  test('all messages have new unique-ids: 78 and nothing is fetched, unless that is wanted', async () => {
    const old = Array.from({ length: 12 }, (_, at) => `old${at}`);
    const fresh = Array.from({ length: 12 }, (_, at) => `new${at}`);
    const numbers = Array.from({ length: 12 }, (_, at) => at + 1);
    const [, stopped, again] = await fetches(
      [
        `${ids(...old)}\n${retr(...numbers)}\n${BYE}`,
        `${ids(...fresh)}\n*: end`,
        `${ids(...fresh)}\n${retr(...numbers)}\n${BYE}`,
      ],
      into,
      into,
      [...into, '--on-uid-reset', 'refetch'],
    );
    expect(stopped?.code).toBe(78);
    expect(stopped?.stderr).toContain('--on-uid-reset refetch');
    expect(again?.code).toBe(0);
    expect(stored()).toHaveLength(24);
  });

  test('two at once: the second says so, and 75', async () => {
    const args = ['fetch', ...into];
    await dialogue(`${ids('a')}\nC: RETR 1\n*: silence`, {}, async (port) => {
      const env = { ...settings(port), XDG_STATE_HOME: join(folder, 'state') };
      let second: Promise<Ran> | undefined;
      const first = mailtool([...args, '-vv'], {
        env,
        cwd: folder,
        onStderr: (said, kill) => {
          if (!said.includes('RETR 1')) return;
          second ??= mailtool(args, { env, cwd: folder }).finally(() => kill('SIGTERM'));
        },
      });
      expect((await first).code).toBe(143);
      expect(await second).toMatchObject({
        code: 75,
        stderr: expect.stringMatching(/in use by process \d+/),
      });
    });
  });

  test('a command gets each message; 75 is later, and what it says is no data', async () => {
    const [later, taken] = await fetches(
      [`${ids('a')}\n${retr(1)}\n${BYE}`, `${ids('a')}\n${retr(1)}\n${dele(1)}\n${BYE}`],
      ['--exec', 'exit 75'],
      ['--exec', 'echo said; cat > got', '--delete'],
    );
    expect(later?.code).toBe(75);
    expect(taken).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
    expect(readFileSync(join(folder, 'got'), 'latin1')).toBe(text(1));
  });

  test('an mbox and a directory', async () => {
    await fetches(
      [`${ids('a', 'b')}\n${retr(1, 2)}\n${BYE}`, `${ids('a')}\n${retr(1)}\n${BYE}`],
      ['--mbox', 'box'],
      ['--dir', 'files', '--all'],
    );
    expect(readFileSync(join(folder, 'box'), 'latin1')).toMatch(
      /^From \S+ .*\nSubject: 1\n\nbody 1\n\nFrom \S+ .*\nSubject: 2\n\nbody 2\n\n$/,
    );
    const [name, ...more] = readdirSync(join(folder, 'files'));
    expect(more).toEqual([]);
    expect(readFileSync(join(folder, 'files', name ?? ''), 'latin1')).toBe(text(1));
  });

  test('a place that is none is told before the server is asked for anything', async () => {
    writeFileSync(join(folder, 'file'), '');
    const env = { ...settings(1), XDG_STATE_HOME: join(folder, 'state') };
    const at = (...args: string[]) => mailtool(['fetch', ...args], { env, cwd: folder });
    expect(await at('--maildir', 'file')).toMatchObject({ code: 73 });
    expect(await at()).toMatchObject({ code: 64 });
    expect(await at('--maildir', 'a', '--mbox', 'b')).toMatchObject({ code: 64 });
    expect(await at('--maildir', 'a', '--max-size', 'big')).toMatchObject({ code: 64 });
  });
});
