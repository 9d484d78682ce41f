import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { settings } from '../cli/maildrop.ts';
import { mailtool, type Ran } from '../cli/mailtool.ts';
import { dialogue } from '../dialogue.ts';
import { BYE, loggedIn, options, outcomes, session } from './scripts.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mailtool-traps-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** One session for each script, each of them `mailtool fetch` of one account into one Maildir. */
function fetches(scripts: readonly string[], ...more: readonly string[]): Promise<Ran[]> {
  return dialogue(scripts, {}, async (port) => {
    const ran: Ran[] = [];
    for (const _ of scripts) {
      const env = { ...settings(port), XDG_STATE_HOME: join(folder, 'state') };
      ran.push(await mailtool(['fetch', '--maildir', 'Mail', ...more], { env, cwd: folder }));
    }
    return ran;
  });
}
const stored = () =>
  readdirSync(join(folder, 'Mail/new'))
    .map((name) => readFileSync(join(folder, 'Mail/new', name), 'latin1'))
    .sort();
const rows = (command: string, ...lines: readonly string[]) =>
  [`C: ${command}`, 'S: +OK', ...lines.map((line) => `S: ${line}`), 'S: .'].join('\n');
const drop = (list: readonly string[], uidl: readonly string[]) =>
  `${loggedIn('UIDL')}\n${rows('LIST', ...list)}\n${rows('UIDL', ...uidl)}`;
const retr = (number: number, text: string) => `C: RETR ${number}\nS: +OK\nS: ${text}\nS: .`;

describe('trap 5: numbers', () => {
  test('LIST and STAT that do not agree: what LIST names is there, and STAT is a word only', async () => {
    for (const said of ['0 0', '5 99', '1 -1']) {
      const seen = await dialogue(
        `${loggedIn()}\nC: STAT\nS: +OK ${said}\n${rows('LIST', '1 10', '2 20')}\n${retr(1, 'one')}\n${retr(2, 'two')}\n${BYE}`,
        {},
        (port) =>
          session(options(port), async (client) => {
            expect((await client.stat()).messages).toBe(Number(said.split(' ')[0]));
            return outcomes(client.retrs((await client.list()).map(({ number }) => number)));
          }),
      );
      expect(seen.map(([number]) => number)).toEqual([1, 2]);
    }
  });

  test('gaps, disorder, a number twice, and rows that the other listing lacks', async () => {
    const [ran] = await fetches([
      `${drop(['7 10', '3 10', '3 12', '9 10'], ['8 stray', '9 i', '3 c', '7 g'])}
      ${retr(3, 'three')}\n${retr(7, 'seven')}\n${retr(9, 'nine')}\n${BYE}`,
    ]);
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(stored()).toEqual(['nine\r\n', 'seven\r\n', 'three\r\n']);
  });

  test('nothing is listed again after a DELE', async () => {
    const [ran] = await fetches(
      [
        `${drop(['1 10', '2 10'], ['1 a', '2 b'])}\n${retr(1, 'one')}\n${retr(2, 'two')}
        C: DELE 1\nS: +OK\nC: DELE 2\nS: +OK\n${BYE}`,
      ],
      '--delete',
    );
    expect(ran).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('trap 6: sizes are a word only', () => {
  test.each(['0', '1', '-5', '99999999999999999999', 'big', ''])('LIST says %j', async (size) => {
    const [ran] = await fetches(
      [
        `${drop([`1 ${size}`], ['1 a'])}\nC: RETR 1\nS: +OK ${size} octets\nS: more than one\nS: .\nC: DELE 1\nS: +OK\n${BYE}`,
      ],
      '--delete',
    );
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(stored()).toEqual(['more than one\r\n']);
  });
});

describe('trap 7: unique-ids', () => {
  test.each([
    ['too long for the RFC', 'u'.repeat(200)],
    ['with blanks', 'two  words'],
    ['of no ASCII', '\\xe9\\xff'],
    ['that is a name of JavaScript', '__proto__'],
    ['that is a path', '../../../etc/passwd'],
  ])('one %s is one all the same, the next time too', async (_, id) => {
    const listed = `${loggedIn('UIDL')}\n${rows('LIST', '1 10')}\nC: UIDL\nS: +OK\nS- 1 ${id}\\r\\n.\\r\\n`;
    const ran = await fetches([`${listed}\n${retr(1, 'one')}\n${BYE}`, `${listed}\n${BYE}`]);
    expect(ran.map(({ code, stderr }) => ({ code, stderr }))).toEqual([
      { code: 0, stderr: '' },
      { code: 0, stderr: '' },
    ]);
    expect(stored()).toEqual(['one\r\n']);
  });

  test.each([
    ['no UIDL', `${loggedIn()}\n${rows('LIST', '1 10')}\nC: UIDL\nS: -ERR what?`],
    ['an id beyond measure', drop(['1 10'], [`1 ${'u'.repeat(1001)}`])],
  ])('%s: fetch says so, and takes nothing that it could not know again', async (_, script) => {
    const [ran] = await fetches([`${script}\n*: silence`], '--delete');
    expect(ran?.code).toBe(69);
    expect(ran?.stderr).toMatch(/unique-id|UIDL/);
    expect(stored()).toEqual([]);
  });

  test('no id for one: fetch takes and deletes what it could know again, and nothing else', async () => {
    const script = `${drop(['1 10', '2 10'], ['1 a'])}\n${retr(1, 'one')}\nC: DELE 1\nS: +OK\n${BYE}`;
    const [ran] = await fetches([script], '--delete');
    expect(ran?.code).toBe(69);
    expect(ran?.stderr).toContain('message 2 has no unique-id');
    expect(stored()).toEqual(['one\r\n']);
  });

  test('two of one id come both, once, and only what is there goes', async () => {
    const same = drop(['1 10', '2 10'], ['1 same', '2 same']);
    const ran = await fetches(
      [
        `${same}\nC: RETR 1\nS: +OK\nS: one\nS: .\nC: RETR 2\nS: -ERR\nC: DELE 1\nS: +OK\n${BYE}`,
        // The one that is left has become the first of that id: its octets are new, and so is it.
        `${drop(['1 10'], ['1 same'])}\n${retr(1, 'two')}\nC: DELE 1\nS: +OK\n${BYE}`,
      ],
      '--delete',
    );
    expect(ran.map(({ code }) => code)).toEqual([69, 0]);
    expect(stored()).toEqual(['one\r\n', 'two\r\n']);
  });
});

describe('trap 8: servers that show a window', () => {
  test('what was gone and comes back is known', async () => {
    const ran = await fetches([
      `${drop(['1 10', '2 10'], ['1 a', '2 b'])}\n${retr(1, 'one')}\n${retr(2, 'two')}\n${BYE}`,
      `${drop(['1 10'], ['1 c'])}\n${retr(1, 'three')}\n${BYE}`,
      `${drop(['1 10', '2 10', '3 10'], ['1 b', '2 a', '3 c'])}\n${BYE}`,
    ]);
    expect(ran.map(({ code }) => code)).toEqual([0, 0, 0]);
    expect(stored()).toEqual(['one\r\n', 'three\r\n', 'two\r\n']);
  });
});
