import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { InputError } from '../../src/errors.ts';
import { openMailFiles, openStream } from '../../src/store/index.ts';
import { MboxEntry } from '../../src/store/mbox-entry.ts';
import { streamOf } from '../feeds.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'mailtool-test-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const AT = new Date('2026-11-21T06:00:00Z');
const entry = (text: string) => {
  const made = new MboxEntry(AT, 'a@example.org');
  return Buffer.concat([made.push(Buffer.from(text)), made.end()]).toString('latin1');
};

/** All messages of what is in the folder of the test under this name. */
async function read(name: string): Promise<string[]> {
  await using files = await openMailFiles(join(dir, name));
  return Promise.all(files.messages.map(async (message) => (await message.read(1e9)).toString('latin1')));
}
async function readMbox(text: string): Promise<string[]> {
  writeFileSync(join(dir, 'mbox'), text, 'latin1');
  return read('mbox');
}

describe('an mbox', () => {
  test.each([
    ['one line'],
    ['two\n\nparagraphs\n'],
    ['From here\nFrom there\n\nFrom a b 10:00 2026\n>From x\n>>From y\n'],
    ['ends in blank lines\n\n\n'],
    ['a line\n>not quoted\n'],
  ])('gives back what was put into it: %j', async (body) => {
    const message = `Subject: x\n\n${body}`;
    const whole = message.endsWith('\n') ? message : `${message}\n`;
    expect(await readMbox(entry(message))).toEqual([whole]);
    expect(await readMbox(entry(message) + entry(message) + entry('y\n'))).toEqual([whole, whole, 'y\n']);
  });

  test('a line that only begins like the start of a message is text', async () => {
    const text =
      'From a@b Sat Nov 21 06:00:00 2026\nSubject: x\n\nDear all,\n\nFrom now on we meet at ten.\n';
    expect(await readMbox(text)).toEqual(['Subject: x\n\nDear all,\n\nFrom now on we meet at ten.\n']);
    const close = 'From a@b Sat Nov 21 06:00:00 2026\nSubject: x\nFrom c@d Sat Nov 21 06:00:00 2026\n';
    expect(await readMbox(close)).toHaveLength(1);
  });

  test('with CRLF', async () => {
    const text = (entry('one\n') + entry('two\n')).replaceAll('\n', '\r\n');
    expect(await readMbox(text)).toEqual(['one\r\n', 'two\r\n']);
  });

  test('whose messages begin anywhere in what is read at a time', async () => {
    for (let shift = -12; shift <= 44; shift++) {
      const head = 'From a@b Sat Nov 21 06:00:00 2026\n';
      const filler = `${'x'.repeat(1024 * 1024 - head.length - 3 + shift)}\n`;
      const [first, second, ...others] = await readMbox(`${head}${filler}\n${entry('two\n')}`);
      expect([first?.length, second, others], String(shift)).toEqual([filler.length, 'two\n', []]);
    }
  });

  test('through a pipe', async () => {
    await using files = await openStream('a pipe', streamOf([entry('one\n'), entry('two\n')]));
    expect(files.messages.map(({ number, size }) => [number, size])).toEqual([
      [1, 4],
      [2, 4],
    ]);
    await expect(openStream('a pipe', streamOf([]))).rejects.toThrow(InputError);
  });
});

describe('a directory', () => {
  test('of .eml files, by name', async () => {
    mkdirSync(join(dir, 'mail'));
    for (const name of ['b.eml', 'a.eml', '.c.eml', 'd.txt']) writeFileSync(join(dir, 'mail', name), name);
    expect(await read('mail')).toEqual(['a.eml', 'b.eml']);
  });

  test('that holds no mail', async () => {
    await expect(openMailFiles(dir)).rejects.toThrow(/holds no mail/);
  });

  test('a Maildir: new and cur, not tmp, by the time of arrival', async () => {
    for (const folder of ['cur', 'new', 'tmp']) mkdirSync(join(dir, 'Mail', folder), { recursive: true });
    writeFileSync(join(dir, 'Mail/cur/99.a:2,S'), '99');
    writeFileSync(join(dir, 'Mail/new/100.b'), '100');
    writeFileSync(join(dir, 'Mail/tmp/98.c'), '98');
    mkdirSync(join(dir, 'Mail/new/97.folder'));
    await using files = await openMailFiles(join(dir, 'Mail'));
    expect(files.messages.map(({ number, uid }) => [number, uid])).toEqual([
      [1, '99.a'],
      [2, '100.b'],
    ]);
  });
});

test('a message is read only as far as is asked', async () => {
  writeFileSync(join(dir, 'a.eml'), 'Subject: x\n\n0123456789');
  await using files = await openMailFiles(join(dir, 'a.eml'));
  expect(String(await files.messages[0]?.read(10))).toBe('Subject: x');
});

test('what is not there is an InputError', async () => {
  await expect(openMailFiles(join(dir, 'none'))).rejects.toThrow(InputError);
});
