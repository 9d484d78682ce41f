import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { cacheDirectory, HeaderCache } from '../../src/cli/list/header-cache.ts';
import { ofTheirSizes, singles } from '../../src/cli/list/singles.ts';
import type { Summary } from '../../src/cli/list/summaries.ts';
import { certificateFor } from '../certificate.ts';
import { dialogue } from '../dialogue.ts';
import { BYE, maildrop, settings, several, tops } from './maildrop.ts';
import { mailtool, type Ran } from './mailtool.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mailtool-test-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const ANN = { host: 'pop.example.org', port: 995, user: 'ann' };
const summary = (subject: string, more: Partial<Summary> = {}): Summary => ({
  date: new Date(0),
  from: [{ name: 'Ann', address: 'ann@example.org' }],
  to: [],
  subject,
  messageId: '<1@example.org>',
  ...more,
});
const open = () => HeaderCache.open(folder, ANN);
const saved = (...entries: readonly (readonly [uid: string, summary: Summary])[]) => {
  const cache = open();
  for (const [uid, each] of entries) cache.set({ uid, size: 1 }, each);
  cache.save();
  return cache.path;
};

describe('the file', () => {
  test('gives back what it was given, by unique-id and size', () => {
    const odd = summary('tab\t line\r\n nul\0 \u2028 \ud83d "\\', { messageId: undefined, date: undefined });
    saved(['a', summary('one')], ['b\t"\x80\xff', odd]);
    const cache = open();
    expect(cache.get({ uid: 'a', size: 1 })).toEqual(summary('one'));
    expect(cache.get({ uid: 'b\t"\x80\xff', size: 1 })).toEqual(odd);
    expect(cache.get({ uid: 'a', size: 2 })).toBeUndefined();
    expect(cache.get({ uid: 'c', size: 1 })).toBeUndefined();
  });

  test('is for its owner only, and of one account only', () => {
    folder = join(folder, 'deeper/mailtool');
    const path = saved(['a', summary('one')]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(HeaderCache.open(folder, { ...ANN, user: 'bob' }).get({ uid: 'a', size: 1 })).toBeUndefined();
    expect(readdirSync(folder)).toHaveLength(1);
  });

  test('has at most 20,000 entries and 4 MB; the oldest go', () => {
    const cache = open();
    for (let at = 0; at <= 20_000; at++) cache.set({ uid: `${at}`, size: 1 }, summary('x'));
    cache.save();
    expect(open().get({ uid: '0', size: 1 })).toBeUndefined();
    expect(open().get({ uid: '1', size: 1 })).toBeDefined();
    const large = open();
    for (let at = 0; at < 1_500; at++) large.set({ uid: `large${at}`, size: 1 }, summary('é'.repeat(600)));
    large.save();
    expect(statSync(large.path).size).toBeLessThanOrEqual(4 * 1024 * 1024);
    expect(statSync(large.path).size).toBeGreaterThan(3 * 1024 * 1024);
    expect(open().get({ uid: 'large1499', size: 1 })).toBeDefined();
    expect(open().get({ uid: '19000', size: 1 })).toBeUndefined();
  });

  test('takes neither what is too long nor what says nothing', () => {
    saved(
      ['long', summary('s'.repeat(5_000))],
      ['nothing', { date: undefined, from: [], to: [], subject: '', messageId: undefined }],
      ['a', summary('one')],
    );
    expect(open().get({ uid: 'long', size: 1 })).toBeUndefined();
    expect(open().get({ uid: 'nothing', size: 1 })).toBeUndefined();
    expect(open().get({ uid: 'a', size: 1 })).toBeDefined();
  });

  test.each([
    ['cut off', (text: string) => text.slice(0, -20)],
    ['of another kind', () => '\x7fELF\0\0\0'],
    ['empty', () => ''],
    ['of a later version', (text: string) => text.replace('\t1\n', '\t2\n')],
    ['with an entry that is no JSON', (text: string) => text.replace('[0,', '[0,,')],
    ['with another shape', (text: string) => text.replace('[0,', '[')],
    ['with no date', (text: string) => text.replace('[0,', '["today",')],
    ['with a date beyond all dates', (text: string) => text.replace('[0,', '[1e300,')],
    ['with a sender that is none', (text: string) => text.replace('["Ann",', '[7,')],
    ['with a sender in pieces', (text: string) => text.replace('["Ann",', '["Ann","x",')],
    ['with a subject that is none', (text: string) => text.replace('"one"', '{"length":3}')],
    ['with a message-id that is none', (text: string) => text.replace('<1@', '<1\\n@')],
  ])('%s: as if it were not there', (_, damage) => {
    const path = saved(['a', summary('one')]);
    const text = readFileSync(path, 'utf8');
    expect(damage(text)).not.toBe(text);
    writeFileSync(path, damage(text));
    const cache = open();
    expect(cache.get({ uid: 'a', size: 1 })).toBeUndefined();
    cache.set({ uid: 'b', size: 1 }, summary('two'));
    cache.save();
    expect(open().get({ uid: 'b', size: 1 })).toEqual(summary('two'));
  });

  test('one of line ends alone is soon looked through', () => {
    const path = saved(['a', summary('one')]);
    const [head = ''] = readFileSync(path, 'utf8').split('\n');
    writeFileSync(path, `${head}\n${'\n'.repeat(4_000_000)}`);
    expect(open().get({ uid: 'a', size: 1 })).toBeUndefined();
  });

  test('one that is enormous is not read; a link is not followed', () => {
    const path = saved(['a', summary('one')]);
    writeFileSync(path, readFileSync(path, 'utf8') + 'x'.repeat(5 * 1024 * 1024));
    expect(open().get({ uid: 'a', size: 1 })).toBeUndefined();
    rmSync(path);
    const elsewhere = join(folder, 'elsewhere');
    writeFileSync(elsewhere, 'precious');
    symlinkSync(elsewhere, path);
    saved(['a', summary('one')]);
    expect(readFileSync(elsewhere, 'utf8')).toBe('precious');
    expect(open().get({ uid: 'a', size: 1 })).toBeDefined();
  });

  test('a directory in its place, and one that is a file, are no reason to fail', () => {
    const { path } = open();
    mkdirSync(path);
    saved(['a', summary('one')]);
    expect(readdirSync(folder)).toEqual([path.slice(folder.length + 1)]);
    folder = join(folder, 'file');
    writeFileSync(folder, '');
    saved(['a', summary('one')]);
    expect(open().get({ uid: 'a', size: 1 })).toBeUndefined();
  });

  test('two at once: the second leaves it; what a killed one left is removed', () => {
    const { path } = open();
    writeFileSync(`${path}.tmp`, 'being written');
    saved(['a', summary('one')]);
    expect(readFileSync(`${path}.tmp`, 'utf8')).toBe('being written');
    expect(open().get({ uid: 'a', size: 1 })).toBeUndefined();
    const anHourAgo = Date.now() / 1000 - 3600;
    utimesSync(`${path}.tmp`, anHourAgo, anHourAgo);
    saved(['a', summary('one')]);
    saved(['a', summary('one')]);
    expect(open().get({ uid: 'a', size: 1 })).toBeDefined();
    expect(readdirSync(folder)).toHaveLength(1);
  });

  test('nothing new: nothing is written', () => {
    const path = saved(['a', summary('one')]);
    chmodSync(path, 0o640);
    saved(['a', summary('one')]);
    expect(statSync(path).mode & 0o777).toBe(0o640);
  });
});

test('where it is', () => {
  expect(cacheDirectory({ XDG_CACHE_HOME: '/x', HOME: folder })).toBe('/x/mailtool');
  expect(cacheDirectory({ XDG_CACHE_HOME: 'x', HOME: folder })).toBe(join(folder, '.cache/mailtool'));
  expect(cacheDirectory({ HOME: '/nonexistent' })).toBeUndefined();
  expect(cacheDirectory({})).toBeUndefined();
});

test('which messages can be told apart', () => {
  const all = [
    { number: 1, size: 1, uid: 'a' },
    { number: 2, size: 1, uid: 'b' },
    { number: 3, size: 2, uid: 'b' },
    { number: 4, size: 1, uid: 'a' },
    { number: 5, size: 3, uid: undefined },
  ];
  const numbers = (rows: readonly { readonly number: number }[]) => rows.map(({ number }) => number);
  expect(numbers(singles(all, all))).toEqual([2, 3]);
  expect(numbers(singles(all.slice(3), all))).toEqual([]);
  expect(numbers(ofTheirSizes(all.slice(2, 3), all))).toEqual([3]);
  expect(numbers(ofTheirSizes(all.slice(3), all))).toEqual([1, 2, 4, 5]);
});

describe('list', () => {
  const header = (number: number) => `S: Subject: number ${number}\nS: From: a@example.org`;

  const overTls = (script: string) =>
    `S: +OK\nC: CAPA\nS: +OK\nS: STLS\nS: .\nC: STLS\nS: +OK\n*: tls\n${script.replace('S: +OK ready\n', '')}`;

  /** Runs commands one after the other, each against its own script of one and the same account, over TLS. */
  async function runs(
    ...all: readonly (readonly [script: string, args: readonly string[], before?: () => void])[]
  ): Promise<Ran[]> {
    const certificate = await certificateFor();
    const ca = join(folder, 'ca.pem');
    writeFileSync(ca, certificate.cert);
    return dialogue(
      all.map(([script]) => overTls(script)),
      { certificate },
      async (port) => {
        const outcomes: Ran[] = [];
        for (const [, args, before] of all) {
          before?.();
          const env = {
            ...settings(port),
            MAILTOOL_POP3_TLS: 'starttls',
            MAILTOOL_TLS_CA: ca,
            XDG_CACHE_HOME: join(folder, 'cache'),
          };
          outcomes.push(await mailtool(['list', ...args], { env }));
        }
        return outcomes;
      },
    );
  }
  const drop = (...uids: string[]) => maildrop(uids.map((uid) => ({ uid })));

  test('the second sends TOP for what came since, and says the same', async () => {
    const [first, second, json] = await runs(
      [`${drop('a', 'b')}\n${tops([2, 1], header)}\n${BYE}`, []],
      [`${drop('b', 'c')}\n${tops([2], () => header(3))}\n${BYE}`, []],
      [`${drop('a', 'b', 'c')}\n${BYE}`, ['--json']],
    );
    expect(first?.stdout).toMatch(/^2 .*number 2 .*\n1 .*number 1 .*\n$/);
    expect(second?.stdout).toMatch(/^2 .*number 3 .*\n1 .*number 2 .*\n$/);
    expect(second?.stderr).toBe('');
    expect(JSON.parse(json?.stdout ?? '').messages[2]).toEqual({
      number: 1,
      uid: 'a',
      size: 100,
      date: null,
      from: [{ name: '', address: 'a@example.org' }],
      to: [],
      subject: 'number 1',
      messageId: null,
      new: null,
    });
  });

  test('a unique-id of two messages is worth nothing, also where one of them is not shown', async () => {
    await runs(
      [`${drop('a')}\n${tops([1], header)}\n${BYE}`, []],
      [`${drop('a', 'a')}\n${tops([2], header)}\n${BYE}`, ['--limit', '1']],
      [`${drop('a', 'a')}\n${tops([2, 1], header)}\n${BYE}`, []],
    );
  });

  test('another size is another message', async () => {
    const one = (size: number) => maildrop([{ uid: 'a', size }]);
    await runs(
      [`${one(100)}\n${tops([1], header)}\n${BYE}`, []],
      [`${one(101)}\n${tops([1], header)}\n${BYE}`, []],
    );
  });

  test('what a filter read is known, too; a filter reads again what it has to judge', async () => {
    const filtered = `${drop('a', 'b')}\n${tops([2, 1], header)}\n${BYE}`;
    await runs(
      [filtered, ['--subject', 'number 2']],
      [filtered, ['--subject', 'number 2']],
      [`${drop('a', 'b')}\n${tops([1], header)}\n${BYE}`, []],
    );
  });

  test('--cache off: nothing is read or written', async () => {
    const whole = `${drop('a')}\n${tops([1], header)}\n${BYE}`;
    await runs([whole, ['--cache', 'off']]);
    expect(existsSync(join(folder, 'cache'))).toBe(false);
    await runs([whole, []], [whole, ['--cache', 'off']]);
  });

  test('what is in the file is shown as harmlessly as what the server says', async () => {
    const [, listed] = await runs(
      [`${drop('a')}\n${tops([1], header)}\n${BYE}`, []],
      [
        `${drop('a')}\n${BYE}`,
        [],
        () => {
          const [name = ''] = readdirSync(join(folder, 'cache/mailtool'));
          const path = join(folder, 'cache/mailtool', name);
          writeFileSync(path, readFileSync(path, 'utf8').replace('number 1', '\\u001b[31mred\\n'));
        },
      ],
    );
    expect(listed?.stdout).toContain('^[[31mred^J');
  });

  test('of a server that has not proved who it is nothing is believed for later', async () => {
    const insecure = `${overTls(maildrop(several(1)))}\n${tops([1], header)}\n${BYE}`;
    const certificate = await certificateFor();
    const env = { XDG_CACHE_HOME: folder };
    for (const [script, args] of [
      [insecure, ['list', '--pop3-tls', 'starttls', '--tls-insecure']],
      [`${maildrop(several(1))}\n${tops([1], header)}\n${BYE}`, ['list']],
    ] as const) {
      const { code } = await dialogue(script, { certificate }, (port) =>
        mailtool(args, { env: { ...settings(port), ...env } }),
      );
      expect(code).toBe(0);
    }
    expect(readdirSync(folder)).toEqual([]);
  });
});
