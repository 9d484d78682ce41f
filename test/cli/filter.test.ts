import { describe, expect, test } from 'vitest';
import { type FilterOptions, parseFilter } from '../../src/cli/filter.ts';
import { UsageError } from '../../src/errors.ts';
import { against, BYE, maildrop, settings, several, tops } from './maildrop.ts';
import { mailtool } from './mailtool.ts';

const FIELDS = [
  { name: 'From', value: '=?utf-8?q?J=C3=BCrgen?= <juergen@example.org>' },
  { name: 'To', value: 'a@example.org' },
  { name: 'cc', value: 'Ops <ops@example.net>' },
  { name: 'Subject', value: 'Backup of =?utf-8?b?w4Q=?= failed [42]' },
  { name: 'Date', value: 'Fri, 20 Nov 2026 10:00:00 +0100' },
  { name: 'X-Job', value: 'nightly' },
  { name: 'X-Job', value: 'second' },
];

const holds = async (options: FilterOptions, fields = FIELDS) =>
  (await parseFilter(options))?.header?.(fields);

describe('by header', () => {
  test.each<[FilterOptions, boolean]>([
    [{ from: 'JÜRGEN' }, true],
    [{ from: 'juergen@' }, true],
    [{ from: 'ops' }, false],
    [{ to: 'a@example.org' }, true],
    [{ to: 'OPS@' }, true],
    [{ to: 'juergen' }, false],
    [{ subject: 'of Ä failed' }, true],
    [{ subject: '[42]' }, true],
    [{ subject: String.raw`/\[\d+\]$/` }, true],
    [{ subject: '/backup/' }, false],
    [{ subject: '/backup/i' }, true],
    [{ header: ['x-job: SECOND'] }, true],
    [{ header: ['x-job: night', 'X-Job:second'] }, true],
    [{ header: ['x-job: night', 'X-Other: x'] }, false],
    [{ since: '2026-11-20T09:00Z' }, true],
    [{ since: '2026-11-20T09:00:01Z' }, false],
    [{ before: '2026-11-20T09:00:01Z' }, true],
    [{ before: '2026-11-20T09:00Z' }, false],
    [{ from: 'juergen', subject: 'restore' }, false],
  ])('%j: %s', async (options, expected) => {
    expect(await holds(options)).toBe(expected);
  });

  test('what has no date is neither older nor newer than anything', async () => {
    const undated = FIELDS.filter(({ name }) => name !== 'Date');
    expect(await holds({ since: '1970-01-01' }, undated)).toBe(false);
    expect(await holds({ before: '9d' }, undated)).toBe(false);
    expect(await holds({ before: '9d' }, [{ name: 'Date', value: 'yesterday' }])).toBe(false);
    expect(await holds({ before: '0s' }, [{ name: 'Date', value: '1 Jan 2020 00:00:00 +0000' }])).toBe(true);
  });
});

test('by size, which takes no header', async () => {
  const filter = await parseFilter({ larger: '1K', smaller: '2k' });
  const sizes = [1024, 1025, 2047, 2048].filter((size) => filter?.size({ number: 1, size, uid: undefined }));
  expect(sizes).toEqual([1025, 2047]);
  expect(filter?.header).toBeUndefined();
  expect(await parseFilter({})).toBeUndefined();
});

test.each<FilterOptions>([
  { subject: '' },
  { subject: '/(/' },
  { header: ['no colon'] },
  { header: [': x'] },
  { since: 'yesterday' },
  { since: '2026-13-40' },
  { before: '7x' },
  { larger: 'big' },
  { smaller: '-1' },
])('%j is no filter', async (options) => {
  await expect(parseFilter(options)).rejects.toThrow(UsageError);
});

const SENDERS = ['ann', 'bob', 'ann', 'cy'];
const header = (number: number) => `S: From: ${SENDERS[number - 1]}@x.org\nS: Subject: number ${number}`;
const sized = [{ size: 10 }, { size: 2000 }, { size: 3000 }, { size: 4000 }];

describe('a selection with filters', () => {
  test('LIST decides first, TOP is asked for what is left alone', async () => {
    const { code, stdout } = await against(`${maildrop(sized)}\n${tops([4, 3, 2], header)}\n${BYE}`, [
      'list',
      '--plain',
      '--from',
      'ann',
      '--larger',
      '1K',
    ]);
    expect(code).toBe(0);
    expect(stdout).toBe('3\t3000\tuid-3\t\tann@x.org\tnumber 3\n');
  });

  test('by size alone no header is read for it', async () => {
    const { stdout } = await against(`${maildrop(sized)}\n${BYE}`, [
      'list',
      '--plain',
      '--no-headers',
      '--smaller',
      '1K',
    ]);
    expect(stdout).toBe('1\t10\tuid-1\t\t\t\n');
  });

  test('only as many headers as it takes to find enough', async () => {
    const many = several(250);
    const newest = Array.from({ length: 200 }, (_, index) => 250 - index);
    const { code, stdout } = await against(
      `${maildrop(many)}\n${tops(newest, (number) => `S: Subject: ${number}`)}\n${BYE}`,
      ['list', '--plain', '--subject', '0', '--limit', '2'],
    );
    expect(code).toBe(0);
    expect(stdout.split('\n').map((line) => line.split('\t')[0])).toEqual(['250', '240', '']);
  });

  test('dele: what is named and matches, with -y where nobody can be asked', async () => {
    const { code, stdout } = await against(
      `${maildrop(sized)}
      ${tops([2, 3, 4], header)}
      C: DELE 3
      S: +OK
      ${BYE}`,
      ['dele', '2-', '--from', '/^ann@/', '-y'],
    );
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'deleted 3 uid:uid-3 (3.0 kB) number 3\n' });
    const refused = await mailtool(['dele', 'uid:uid-3', '--from', 'ann'], { env: settings(1) });
    expect(refused.code).toBe(64);
    expect(refused.stderr).toContain('-y');
  });

  test('retr --dry-run prints the plan', async () => {
    const { code, stdout } = await against(`${maildrop(sized)}\n${tops([1, 2, 3, 4], header)}\n${BYE}`, [
      'retr',
      '--from',
      'ann',
      '-o',
      '/nonexistent/',
      '--delete',
      '-n',
    ]);
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: 'would retrieve 1 uid:uid-1 (10 B) number 1\nwould retrieve 3 uid:uid-3 (3.0 kB) number 3\n',
    });
  });

  test('retr: nothing that matches makes no file', async () => {
    const { code } = await against(`${maildrop(sized)}\n${tops([1, 2, 3, 4], header)}\n${BYE}`, [
      'retr',
      '--subject',
      'nothing',
      '-o',
      '/nonexistent/file',
    ]);
    expect(code).toBe(0);
  });

  test('top: several in one window', async () => {
    const drop = maildrop(sized, { uidl: false });
    const again = tops([1, 3], (number) => `S: again ${number}`);
    const { code, stdout } = await against(`${drop}\n${tops([1, 2, 3, 4], header)}\n${again}\n${BYE}`, [
      'top',
      '--from',
      'ann',
    ]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'again 1\r\n\r\nagain 3\r\n\r\n' });
  });

  test('without TOP there is nothing to filter by', async () => {
    const drop = maildrop(sized, { capabilities: ['UIDL'] });
    const { code, stderr } = await against(`${drop}\nC: TOP 1 0\nS: -ERR what?\n*: end`, [
      'dele',
      '--from',
      'ann',
      '-y',
    ]);
    expect(code).toBe(69);
    expect(stderr).toContain('the filters need TOP');
  });

  test('a message whose header is refused is left out, and told of', async () => {
    const { code, stdout, stderr } = await against(
      `${maildrop(several(2))}
      C: TOP 1 0
      C: TOP 2 0
      S: -ERR unreadable
      S: +OK
      ${header(2)}
      S: .
      C: DELE 2
      S: +OK
      ${BYE}`,
      ['dele', '--from', 'o', '-y'],
    );
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'deleted 2 uid:uid-2 (100 B) number 2\n' });
    expect(stderr).toContain('left out: the server refused TOP 1 0');
  });

  test.each([['retr'], ['top'], ['dele']])('%s without any says so', async (name) => {
    const { code, stderr } = await mailtool([name], { env: settings(1) });
    expect(code).toBe(64);
    expect(stderr).toContain('which messages?');
  });
});
