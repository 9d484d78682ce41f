import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.ts';
import { Maildrop } from '../../src/sandbox/maildrop.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'maildrop-test-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function* of(...chunks: string[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield Buffer.from(chunk, 'latin1');
}

describe('Maildrop', () => {
  it('keeps a message as a private file with exactly the bytes that came', async () => {
    const drop = await Maildrop.open(join(directory, 'mail'));
    const stored = await drop.deposit(of('A: 1\r\n\r\n.dot\n', '\0\xff no ending'), {
      reversePath: 'a@example.org',
      recipients: ['b@example.org'],
    });
    expect((await stat(join(directory, 'mail'))).mode & 0o777).toBe(0o700);
    expect((await stat(stored.path)).mode & 0o777).toBe(0o600);
    expect(await readFile(stored.path, 'latin1')).toBe('A: 1\r\n\r\n.dot\n\0\xff no ending');
    expect(stored.size).toBe('A: 1\r\n\r\n.dot\r\n\0\xff no ending\r\n'.length);
    expect(stored).toMatchObject({ reversePath: 'a@example.org', recipients: ['b@example.org'] });
    expect(drop.messages()).toEqual([stored]);
  });

  it('gives every message a unique-id of its own that RFC 1939 7 allows', async () => {
    const drop = await Maildrop.open(directory);
    for (let n = 0; n < 20; n++) await drop.deposit(of('same\r\n'));
    const ids = drop.messages().map((message) => message.uniqueId);
    expect(new Set(ids).size).toBe(20);
    for (const id of ids) expect(id).toMatch(/^[\x21-\x7e]{1,70}$/);
  });

  it('leaves nothing of a message that broke off', async () => {
    const drop = await Maildrop.open(directory);
    const source = (async function* () {
      yield Buffer.from('half');
      throw new Error('hung up');
    })();
    await expect(drop.deposit(source)).rejects.toThrow('hung up');
    expect(drop.messages()).toEqual([]);
    expect(await readdir(directory)).toEqual([]);
  });

  it('takes up the .eml files of a directory, in order and with the same unique-ids each time', async () => {
    await writeFile(join(directory, 'b.eml'), 'two\n');
    await writeFile(join(directory, 'a.eml'), 'one\r\n');
    await writeFile(join(directory, 'ein Brief \u00e4.eml'), 'three');
    await writeFile(join(directory, 'notes.txt'), 'not mail');
    await mkdir(join(directory, 'folder.eml'));
    const first = await Maildrop.open(directory);
    expect(first.messages().map((message) => message.size)).toEqual([5, 5, 7]);
    const again = await Maildrop.open(directory);
    expect(again.messages().map((m) => m.uniqueId)).toEqual(first.messages().map((m) => m.uniqueId));
    for (const message of first.messages()) expect(message.uniqueId).toMatch(/^[\x21-\x7e]{1,70}$/);
    const late = await again.deposit(of('four\r\n'));
    expect((await Maildrop.open(directory)).messages().map((m) => m.uniqueId)).toContain(late.uniqueId);
  });

  it('keeps the order of arrival over a restart', async () => {
    const drop = await Maildrop.open(directory);
    for (let n = 0; n < 12; n++) await drop.deposit(of(`${n}\r\n`));
    const again = await Maildrop.open(directory);
    expect(again.messages().map((m) => m.uniqueId)).toEqual(drop.messages().map((m) => m.uniqueId));
  });

  it('loads files, and says which one is missing', async () => {
    const file = join(directory, 'x.eml');
    await writeFile(file, 'A: 1\n\nx\n');
    const drop = await Maildrop.open(join(directory, 'mail'));
    const loaded = await drop.load(file);
    expect(await readFile(loaded.path, 'latin1')).toBe('A: 1\n\nx\n');
    const missing = drop.load(join(directory, 'none.eml'));
    await expect(missing).rejects.toBeInstanceOf(InputError);
    await expect(missing).rejects.toThrow('none.eml');
    await expect(drop.load(directory)).rejects.toBeInstanceOf(InputError);
    expect(drop.messages()).toEqual([loaded]);
  });

  it('is one snapshot for one session at a time', async () => {
    const drop = await Maildrop.open(directory);
    await drop.deposit(of('1\r\n'));
    const session = drop.lock();
    expect(session?.messages).toHaveLength(1);
    await drop.deposit(of('2\r\n'));
    expect(session?.messages).toHaveLength(1);
    expect(drop.lock()).toBeUndefined();
    session?.release();
    session?.release();
    const next = drop.lock();
    expect(next?.messages).toHaveLength(2);
    expect(drop.lock()).toBeUndefined();
  });

  it('removes only what the session names', async () => {
    const drop = await Maildrop.open(directory);
    const first = await drop.deposit(of('1\r\n'));
    const second = await drop.deposit(of('2\r\n'));
    const session = drop.lock();
    const third = await drop.deposit(of('3\r\n'));
    expect(await session?.remove([second])).toBe(true);
    expect(drop.messages()).toEqual([first, third]);
    expect(await readdir(directory)).toHaveLength(2);
    session?.release();
  });

  it('says so when a message could not be removed, and goes on with the others', async () => {
    const drop = await Maildrop.open(directory);
    const first = await drop.deposit(of('1\r\n'));
    const second = await drop.deposit(of('2\r\n'));
    const session = drop.lock();
    await rm(first.path);
    await mkdir(first.path); // unlink of a directory fails
    expect(await session?.remove([first, second])).toBe(false);
    expect(drop.messages()).toEqual([first]);
  });
});
