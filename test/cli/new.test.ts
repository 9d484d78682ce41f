import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { dialogue } from '../dialogue.ts';
import { BYE, loggedIn, maildrop, settings, tops } from './maildrop.ts';
import { mailtool, type Ran } from './mailtool.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mailtool-test-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A script, what is run against it, and what happens before. */
type Run = readonly [script: string | undefined, args: readonly string[], before?: () => void];

/** Runs commands one after the other, each against its own script (or nobody) of one and the same account. */
async function runs(...all: readonly Run[]): Promise<Ran[]> {
  return dialogue(
    all.flatMap(([script]) => script ?? []),
    {},
    async (port) => {
      const outcomes: Ran[] = [];
      for (const [, args, before] of all) {
        before?.();
        const env = { ...settings(port), XDG_STATE_HOME: join(folder, 'state') };
        outcomes.push(await mailtool(args, { env, cwd: folder }));
      }
      return outcomes;
    },
  );
}

const ids = (...uids: string[]) => maildrop(uids.map((uid) => ({ uid })));
const header = (number: number) => `S: Subject: number ${number}`;
const retr = (...numbers: number[]) =>
  [
    ...numbers.map((number) => `C: RETR ${number}`),
    ...numbers.map((number) => `S: +OK\nS: Subject: ${number}\nS:\nS: body ${number}\nS: .`),
  ].join('\n');
const dele = (...numbers: number[]) =>
  [...numbers.map((number) => `C: DELE ${number}`), ...numbers.map(() => 'S: +OK')].join('\n');

/** A run that fetches the messages of `uids`, which are all that is there. */
const fetched = (...uids: string[]) =>
  [
    `${ids(...uids)}\n${retr(...uids.map((_, at) => at + 1))}\n${BYE}`,
    ['fetch', '--maildir', 'Mail'],
  ] as const;
const journal = () => {
  const name = readdirSync(join(folder, 'state/mailtool')).find((each) => each.endsWith('.journal')) ?? '';
  return join(folder, 'state/mailtool', name);
};

describe('--new', () => {
  test('list: what fetch has is not shown, and no header of it is asked for', async () => {
    const [, listed] = await runs(fetched('a', 'b'), [
      `${ids('a', 'b', 'c', 'd')}\n${tops([4, 3], header)}\n${BYE}`,
      ['list', '--new', '--plain'],
    ]);
    expect(listed?.stderr).toBe('');
    expect(listed?.stdout.split('\n').map((line) => line.split('\t')[2])).toEqual(['d', 'c', undefined]);
  });

  test('with selectors and filters: before any TOP', async () => {
    const [, listed] = await runs(fetched('a', 'b'), [
      `${ids('a', 'b', 'c', 'd')}\n${tops([3], header)}\n${BYE}`,
      ['list', '--new', '--subject', 'number', '--plain', '1-3'],
    ]);
    expect(listed?.stdout).toBe('3\t100\tc\t\t\tnumber 3\n');
  });

  test('retr takes what is new, top too', async () => {
    const [, got, seen] = await runs(
      fetched('a'),
      [`${ids('b', 'a')}\n${retr(1)}\n${BYE}`, ['retr', '--new']],
      [`${ids('a', 'b')}\n${tops([2], header)}\n${BYE}`, ['top', 'all', '--new']],
    );
    expect(got?.stdout).toBe('Subject: 1\r\n\r\nbody 1\r\n');
    expect(seen?.stdout).toBe('Subject: number 2\r\n\r\n');
  });

  test('save and show take what is new, and leave the journal as it is', async () => {
    const before: string[] = [];
    const note = () => before.push(readFileSync(journal(), 'utf8'));
    const attached = (number: number) =>
      `C: RETR ${number}\nS: +OK\nS: Content-Disposition: attachment; filename=a${number}.txt\nS:\nS: body\nS: .`;
    const [, saved, shown, again, none, other] = await runs(
      fetched('a', 'b'),
      [`${ids('a', 'b', 'c')}\n${attached(3)}\n${BYE}`, ['save', '--new'], note],
      [`${ids('a', 'b', 'c')}\n${attached(3)}\n${BYE}`, ['show', '--new'], note],
      [
        `${ids('a', 'c', 'd')}\n${tops([3, 2], header)}\n${attached(2)}\n${BYE}`,
        ['show', '--new', '--subject', '2'],
        note,
      ],
      [`${ids('a', 'b')}\n${BYE}`, ['save', '--new'], note],
      [`${ids('a', 'b')}\n${BYE}`, ['show', '--new'], note],
    );
    expect(saved).toMatchObject({ code: 0, stdout: 'a3.txt\n', stderr: '' });
    expect(shown).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('[1] a3.txt') });
    expect(again).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('[1] a2.txt') });
    expect(none).toMatchObject({ code: 0, stdout: '' });
    expect(other).toMatchObject({ code: 66, stdout: '' });
    expect(new Set([...before, readFileSync(journal(), 'utf8')]).size).toBe(1);
  });

  test('save and show of a file know of nothing new: exit 64, and nothing is made', async () => {
    for (const name of ['save -d out', 'show']) {
      const args = [...name.split(' '), '--new', '--file', '/dev/null', 'all'];
      const { code, stderr } = await mailtool(args, { cwd: folder });
      expect(code).toBe(64);
      expect(stderr).toContain('--new and --file');
    }
    expect(readdirSync(folder)).toEqual([]);
  });

  test('nothing new: nothing is asked for', async () => {
    const [, listed, got] = await runs(
      fetched('a'),
      [`${ids('a')}\n${BYE}`, ['list', '--new']],
      [`${ids('a')}\n${BYE}`, ['retr', '--new', '-o', 'x.eml']],
    );
    expect(listed).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect(got).toMatchObject({ code: 0, stdout: '' });
    expect(existsSync(join(folder, 'x.eml'))).toBe(false);
  });

  test('dele deletes what is new, where that is confirmed', async () => {
    const [, unconfirmed, deleted] = await runs(
      fetched('a'),
      [`${ids('a', 'b')}\n${tops([2], header)}\n${BYE}`, ['dele', '--new', '-n']],
      [`${ids('a', 'b')}\n${tops([2], header)}\n${dele(2)}\n${BYE}`, ['dele', '--new', '-y']],
    );
    expect(unconfirmed?.stdout).toBe('would delete 2 uid:b (100 B) number 2\n');
    expect(deleted?.stdout).toBe('deleted 2 uid:b (100 B) number 2\n');
  });

  test.each([[['dele', '--new']], [['dele', '--new', '1']]])(
    '%j without a terminal needs -y, and asks no server',
    async (args) => {
      const env = { ...settings(1), XDG_STATE_HOME: folder };
      const { code, stderr } = await mailtool(args, { env });
      expect(code).toBe(64);
      expect(stderr).toContain('-y');
    },
  );

  test('a message that failed is still new; one of two with a unique-id is, too', async () => {
    const failing = `${ids('a', 'b')}\nC: RETR 1\nC: RETR 2\nS: -ERR no\nS: +OK\nS: x: y\nS:\nS: .\n${BYE}`;
    const [, listed] = await runs(
      [failing, ['fetch', '--dir', '.']],
      [`${ids('a', 'b', 'b')}\n${BYE}`, ['list', '--new', '--plain', '--no-headers']],
    );
    expect(listed?.stdout).toBe('3\t100\tb\t\t\t\n1\t100\ta\t\t\t\n');
  });

  test('without a journal all is new, and that is said; nothing is made', async () => {
    const [listed] = await runs([`${ids('a')}\n${BYE}`, ['list', '--new', '--plain', '--no-headers']]);
    expect(listed).toMatchObject({ code: 0, stdout: '1\t100\ta\t\t\t\n' });
    expect(listed?.stderr).toMatch(/warning: .*nothing of this account so far/);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('a server without unique-ids, or without one of them: exit 69', async () => {
    const [, none, one] = await runs(
      fetched('a'),
      [`${loggedIn('TOP')}\nC: LIST\nS: +OK\nS: 1 10\nS: .\nC: UIDL\nS: -ERR\n*: end`, ['list', '--new']],
      [
        `${loggedIn('TOP', 'UIDL')}\nC: LIST\nS: +OK\nS: 1 10\nS: 2 10\nS: .\nC: UIDL\nS: +OK\nS: 1 a\nS: .\n*: end`,
        ['dele', '--new', '-y'],
      ],
    );
    expect(none?.code).toBe(69);
    expect(none?.stderr).toContain('has no UIDL');
    expect(one?.code).toBe(69);
    expect(one?.stderr).toContain('no unique-id to 1 of its messages');
  });

  test('damaged lines are a warning; a file that is no journal is exit 78, before a connection', async () => {
    const change = (to: (text: string) => string) => () =>
      writeFileSync(journal(), to(readFileSync(journal(), 'latin1')));
    const list = ['list', '--new', '--plain', '--no-headers'];
    const [, damaged, broken] = await runs(
      fetched('a', 'b'),
      // The last line is what says that the second message is stored.
      [`${ids('a', 'b')}\n${BYE}`, list, change((text) => `${text.slice(0, -9)}xxxx${text.slice(-5)}`)],
      [undefined, list, change(() => 'something else\n')],
    );
    expect(damaged).toMatchObject({ code: 0, stdout: '2\t100\tb\t\t\t\n' });
    expect(damaged?.stderr).toMatch(/warning: .*1 lines could not be read/);
    expect(broken).toMatchObject({ code: 78, stdout: '' });
    expect(broken?.stderr).toContain('no journal of mailtool');
  });

  test('all unique-ids are other ones: a warning', async () => {
    const many = (prefix: string) => Array.from({ length: 12 }, (_, at) => `${prefix}${at}`);
    const [, listed] = await runs(fetched(...many('old')), [
      `${ids(...many('new'))}\n${BYE}`,
      ['list', '--new', '--no-headers'],
    ]);
    expect(listed?.stderr).toMatch(/warning: .*new unique-ids/);
    expect(listed?.stdout.split('\n')).toHaveLength(13);
  });

  test('fetch has it anyway, and not with --all', async () => {
    const [first, second] = await runs(
      [`${ids('a')}\n${retr(1)}\n${BYE}`, ['fetch', '--new', '--dir', 'mail']],
      [undefined, ['fetch', '--new', '--all', '--dir', 'mail']],
    );
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(second?.code).toBe(64);
  });
});

describe('list says what is new', () => {
  const listing = `${ids('a', 'b')}\n${BYE}`;
  const news = (ran: Ran | undefined) =>
    (JSON.parse(ran?.stdout ?? '') as { messages: { new: unknown }[] }).messages.map(
      (message) => message.new,
    );

  test('in the document and in the table, where there is a journal', async () => {
    const [before, , json, table, plain, noUids] = await runs(
      [listing, ['list', '--json', '--no-headers']],
      fetched('a'),
      [listing, ['list', '--json', '--no-headers']],
      [listing, ['list', '--no-headers']],
      [listing, ['list', '--no-headers', '--plain']],
      [
        `${loggedIn('TOP')}\nC: LIST\nS: +OK\nS: 1 10\nS: .\nC: UIDL\nS: -ERR\n${BYE}`,
        ['list', '--json', '--no-headers'],
      ],
    );
    expect(news(before)).toEqual([null, null]);
    expect(news(json)).toEqual([true, false]);
    expect(table?.stdout.split('\n').map((line) => line.replace(/^.* B {2}/, ''))).toEqual(['b *', 'a', '']);
    expect(plain?.stdout).toBe('2\t100\tb\t\t\t\n1\t100\ta\t\t\t\n');
    expect(news(noUids)).toEqual([null]);
  });

  test('of what is shown, by all that is there: a second message of one unique-id is new', async () => {
    const [, json] = await runs(fetched('a'), [
      `${ids('a', 'a')}\n${BYE}`,
      ['list', '--json', '--no-headers', '--limit', '1'],
    ]);
    expect(news(json)).toEqual([true]);
  });

  test('not by a journal that takes long to read; --new reads it', async () => {
    const grow = () => writeFileSync(journal(), `${'x'.repeat(2 * 1024 * 1024)}\n`, { flag: 'a' });
    const [, json, fresh] = await runs(
      fetched('a'),
      [listing, ['list', '--json', '--no-headers'], grow],
      [listing, ['list', '--new', '--plain', '--no-headers']],
    );
    expect(news(json)).toEqual([null, null]);
    expect(fresh?.stdout).toBe('2\t100\tb\t\t\t\n');
  });

  test('a journal that cannot be read is a warning, and the list is there', async () => {
    const [, json] = await runs(fetched('a'), [
      listing,
      ['list', '--json', '--no-headers'],
      () => writeFileSync(journal(), 'something else\n'),
    ]);
    expect(json?.code).toBe(0);
    expect(json?.stderr).toMatch(/warning: what is new cannot be told: .*no journal of mailtool/);
    expect(news(json)).toEqual([null, null]);
  });
});
