import { describe, expect, test } from 'vitest';
import { type Listed, plainLine, table } from '../../src/cli/list/table.ts';
import { dialogue } from '../dialogue.ts';
import { against, BYE, loggedIn, maildrop, settings, several, tops } from './maildrop.ts';
import { onTerminal } from './pseudo-terminal.ts';

const header = (number: number) => `S: From: Ann <ann@example.org>
S: To: b@example.org
S: Date: Sat, 21 Nov 2026 0${number}:00:00 +0000
S: Subject: number ${number}
S: Message-ID: <${number}@example.org>`;

describe('list', () => {
  test('newest first, and TOP in one group for the shown rows only', async () => {
    const { code, stdout, stderr } = await against(
      `${maildrop(several(5))}\n${tops([5, 4, 3], header)}\n${BYE}`,
      ['list', '--limit', '3'],
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toBe(
      [5, 4, 3].map((n) => `${n}  2026-11-21 0${n}:00  Ann   number ${n}  100 B  uid-${n}\n`).join(''),
    );
  });

  test('50 unless more are asked for', async () => {
    const numbers = Array.from({ length: 60 }, (_, index) => index + 1);
    for (const [args, count] of [
      [[], 50],
      [['--all'], 60],
      [['1-60'], 60],
      [['--reverse'], 50],
    ] as const) {
      const { stdout } = await against(`${maildrop(several(60))}\n${BYE}`, [
        'list',
        '--no-headers',
        '--plain',
        ...args,
      ]);
      const listed = stdout
        .trimEnd()
        .split('\n')
        .map((line) => Number(line.split('\t')[0]));
      const newest = numbers.slice(-count);
      expect(listed).toEqual(args[0] === '--reverse' ? newest : newest.reverse());
    }
  });

  test('--plain has tabs between, and nothing that a terminal or awk would obey', async () => {
    const evil = `S- From: \\x1b[31mred <a@example.org>\\r\\nSubject: =?utf-8?B?YQliCmMbXTA7dAc=?= \\x1b[2J\\r\\n`;
    const { stdout } = await against(
      `${maildrop([{ uid: 'a\\x1bb' }])}
      C: TOP 1 0
      S: +OK
      ${evil}
      S:
      S: .
      ${BYE}`,
      ['list', '--plain'],
    );
    expect(stdout).toBe('1\t100\ta^[b\t\ta@example.org\ta^Ib^Jc^[]0;t^G ^[[2J\n');
  });

  test('--json has every field', async () => {
    const { stdout } = await against(
      `${maildrop(several(2))}\n${tops([2, 1], (n) => (n === 2 ? header(2) : 'S: X-Nothing: here'))}\n${BYE}`,
      ['list', '--json'],
    );
    const address = (name: string, text: string) => [{ name, address: text }];
    expect(JSON.parse(stdout)).toEqual({
      schema: 'mailtool.list/1',
      ok: true,
      account: null,
      total: 2,
      totalSize: 200,
      messages: [
        {
          number: 2,
          uid: 'uid-2',
          size: 100,
          date: '2026-11-21T02:00:00.000Z',
          from: address('Ann', 'ann@example.org'),
          to: address('', 'b@example.org'),
          subject: 'number 2',
          messageId: '<2@example.org>',
          new: null,
        },
        {
          number: 1,
          uid: 'uid-1',
          size: 100,
          date: null,
          from: [],
          to: [],
          subject: '',
          messageId: null,
          new: null,
        },
      ],
      warnings: [],
      error: null,
    });
  });

  test('an empty maildrop is silence', async () => {
    const ran = await against(`${maildrop([])}\n${BYE}`, ['list']);
    expect(ran).toMatchObject({ code: 0, stdout: '', stderr: '' });
  });

  test('a server without UIDL and TOP still has numbers and sizes', async () => {
    const { code, stdout, stderr } = await against(
      `${loggedIn('USER')}
      C: LIST
      S: +OK
      S: 1 10
      S: 2 20
      S: .
      C: UIDL
      S: -ERR unknown
      C: TOP 2 0
      S: -ERR unknown
      ${BYE}`,
      ['list', '--plain'],
    );
    expect({ code, stdout }).toEqual({ code: 0, stdout: '2\t20\t\t\t\t\n1\t10\t\t\t\t\n' });
    expect(stderr).toMatch(
      /warning: no unique-ids: .*\n.*warning: no headers: the server refused TOP 2 0: -ERR unknown\n/,
    );
  });

  test('one refused TOP leaves its own columns empty', async () => {
    const { code, stdout, stderr } = await against(
      `${maildrop(several(2))}
      C: TOP 2 0
      C: TOP 1 0
      S: -ERR [SYS/TEMP] not now
      S: +OK
      ${header(1)}
      S:
      S: .
      ${BYE}`,
      ['list', '--plain'],
    );
    expect(code).toBe(0);
    expect(stdout.split('\n')[0]).toBe('2\t100\tuid-2\t\t\t');
    expect(stdout).toContain('number 1');
    expect(stderr).toMatch(/warning: no headers of 1 messages?: .*not now/);
  });

  test('a server that closes at QUIT has said all that is asked', async () => {
    const { code, stdout } = await against(`${maildrop(several(1))}\nC: QUIT\n*: close`, [
      'list',
      '--no-headers',
    ]);
    expect(code).toBe(0);
    expect(stdout).toContain('uid-1');
  });

  test.each([[['--limit', 'x']], [['--limit', '3', '--all']], [['nonsense']], [['5-2']]])(
    '%j is a mistake that needs no server',
    async (args) => {
      const { code, stderr } = await against('', ['list', ...args]).catch((error: Error) => {
        // No connection is made: that is what the dialogue complains of.
        expect(error.message).toBe('0 of 1 connections were made');
        return { code: 64, stderr: '' };
      });
      expect(code, stderr).toBe(64);
    },
  );

  test('on a terminal: a head, and a width', async () => {
    const { screen } = await dialogue(
      `${maildrop(several(1))}
      C: TOP 1 0
      S: +OK
      S: Subject: a long subject ${'that goes on '.repeat(20)}\\x1b[31m
      S: From: \\x1b]0;title\\x07x@example.org
      S:
      S: .
      ${BYE}`,
      {},
      (port) => onTerminal(['list', '--color', 'never'], { env: settings(port) }),
    );
    const [head = '', row = ''] = screen.split('\r\n');
    expect(head).toMatch(/^#\s+date\s+from\s+subject\s+size\s+unique-id$/);
    expect(row).toMatch(/^1 .* a long subject .*… {2}100 B {2}uid-1$/);
    expect(screen).not.toContain('\u001b]0;');
  });
});

describe('the table', () => {
  const row = (more: Partial<Listed>): Listed => ({ number: 1, size: 1, uid: 'u', ...more });

  test('East Asian characters and emoji take two columns', async () => {
    const lines = await table(
      [
        row({ subject: '件名テスト' }),
        row({ subject: 'ascii text' }),
        row({ subject: 'e\u0301\u{1f44d}' }),
        row({ subject: '你好'.repeat(40) }),
      ],
      80,
    );
    const { default: stringWidth } = await import('string-width');
    const ends = lines.slice(1).map((line) => stringWidth(line));
    expect(new Set(ends).size).toBe(1);
    expect(Math.max(...ends)).toBeLessThanOrEqual(79);
    expect(lines.at(-1)).toContain('…');
  });

  test('a unique-id is never cut', async () => {
    const uid = 'x'.repeat(200);
    const lines = await table(
      [row({ uid, subject: 's'.repeat(500), from: [{ name: 'n'.repeat(99), address: 'a' }] })],
      40,
    );
    expect(lines[1]).toContain(uid);
    expect(lines[1]).toContain('…');
  });

  test('nothing is cut where there is no terminal', async () => {
    const subject = 's'.repeat(500);
    expect((await table([row({ subject })], undefined))[1]).toContain(subject);
  });

  test('an enormous subject is cut in no time', async () => {
    const lines = await table([row({ subject: '👍🏽'.repeat(300_000) })], 80);
    expect(lines[1]?.length).toBeLessThan(400);
  });

  test('has as many rows as there are messages', async () => {
    const rows = Array.from({ length: 150_000 }, () => row({ subject: 'Hi' }));
    expect(await table(rows, undefined)).toHaveLength(150_001);
  });

  test('lines for scripts have six fields, always', () => {
    expect(plainLine(row({ uid: undefined, subject: 'a\tb\nc' }))).toBe('1\t1\t\t\t\ta^Ib^Jc');
  });
});
