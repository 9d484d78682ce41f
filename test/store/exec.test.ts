import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { StorageError } from '../../src/errors.ts';
import { Exec } from '../../src/store/exec.ts';
import { isRunning } from '../../src/store/processes.ts';
import { eventually } from '../eventually.ts';
import { chunks, cut, nameOf, temporaryDirectory } from './messages.ts';

const at = temporaryDirectory();
const name = nameOf('X');
const run = (command: string | readonly string[], more = {}) =>
  new Exec(command, { directory: at('.'), ...more });
const failure = (exec: Exec, text = 'x\r\n') =>
  exec.deliver(chunks(text), { name }).then(
    () => undefined,
    (error: unknown) => error as StorageError,
  );

describe('a command', () => {
  test('gets the octets on its standard input, and nothing stays in the directory', async () => {
    const text = 'Subject: x\r\n\r\n\0\xff\r\n';
    const exec = run(`cat > '${at('out')}'`);
    expect(await exec.deliver(chunks(Buffer.from(text, 'latin1')), { name })).toEqual({
      status: 'stored',
      name,
      path: null,
      size: text.length,
    });
    expect(readFileSync(at('out'), 'latin1')).toBe(text);
    expect(readdirSync(at('.'))).toEqual(['out']);
  });

  test('as an array it is run without a shell', async () => {
    await run(['tee', at('$HOME; x')], { output: () => undefined }).deliver(chunks('hi'), { name });
    expect(readFileSync(at('$HOME; x'), 'latin1')).toBe('hi');
  });

  test('a large message, to one that reads it, and to one that does not', async () => {
    const text = Buffer.alloc(3_000_000, 'abc\r\n');
    expect(await run('test $(wc -c) = 3000000').deliver(chunks(text, 50_000), { name })).toMatchObject({
      size: 3_000_000,
    });
    expect(await run('true').deliver(chunks(text, 50_000), { name })).toMatchObject({ status: 'stored' });
  });

  test('a message that breaks off never reaches it', async () => {
    const exec = run(`cat > '${at('out')}'`);
    await expect(exec.stage(cut('half'), { name })).rejects.toThrow('the connection ended');
    expect(await exec.settle()).toEqual([]);
    expect(readdirSync(at('.'))).toEqual([]);
  });

  test('one for each message, in their order', async () => {
    const exec = run(`cat >> '${at('out')}'`);
    for (const text of ['a', 'b', 'c']) await exec.stage(chunks(text), { name });
    expect(await exec.settle()).toHaveLength(3);
    expect(readFileSync(at('out'), 'latin1')).toBe('abc');
  });

  test('sees the environment it is given, and no other', async () => {
    await run(`echo "$A$HOME" > '${at('out')}'`, { env: { A: 'b' } }).deliver(chunks(''), { name });
    expect(readFileSync(at('out'), 'latin1')).toBe('b\n');
  });
});

describe('a command that does not take it', () => {
  test.each([
    ['exit 1', 'exit returned 1', false],
    ['exit 75', 'exit returned 75', true],
    ['TOKEN=secret; exit 3', 'the command returned 3', false],
    ['echo busy; echo "no \u001b[2J room" >&2; exit 75', 'returned 75: no ?[2J room', true],
    ['kill -9 $$', 'was ended by SIGKILL', true],
  ])('%s', async (command, words, retryable) => {
    const error = await failure(run(command));
    expect(error).toBeInstanceOf(StorageError);
    expect(error?.message).toContain(words);
    expect(error).toMatchObject({ step: 'exec', retryable });
  });

  test('or that is not there', async () => {
    const error = await failure(run(['/no/such/command', '--password', 'secret']));
    expect(error?.message).toBe('cannot run /no/such/command: there is no such command');
    expect(error).toMatchObject({ step: 'start', path: '/no/such/command', retryable: false });
  });

  test.each([
    ['nowhere-to-be-found x', 'nowhere-to-be-found returned 127: '],
    ['/dev/null', '/dev/null returned 126: '],
  ])('or that the shell does not find, %s', async (command, words) => {
    const error = await failure(run(command));
    expect(error?.message).toContain(words);
    expect(error).toMatchObject({ step: 'shell', retryable: false });
  });

  test('or that no system would start', async () => {
    for (const command of [['a\0b'], [''], ['/'], ['echo', 'x'.repeat(3_000_000)]]) {
      const error = await failure(run(command));
      expect(error).toBeInstanceOf(StorageError);
      expect(error).toMatchObject({ step: 'start', retryable: false });
    }
  });

  test('does not keep the next message from it', async () => {
    const exec = run('grep -q good');
    for (const text of ['good', 'bad', 'good']) await exec.stage(chunks(text), { name });
    expect((await exec.settle()).map(({ status }) => status)).toEqual(['stored', 'failed', 'stored']);
  });
});

describe('a command that does not end', () => {
  test.each([
    ['as it is', 'sleep 1000 & echo $! > "$P"; sleep 1000'],
    [
      'and does not listen',
      'trap "" TERM; (trap "" TERM; sleep 1000) & echo $! > "$P"; while :; do sleep 1; done',
    ],
  ])('is ended after its time with all that it started, %s', async (_, command) => {
    const exec = run(command, { timeoutMs: 500, env: { ...process.env, P: at('pid') } });
    const error = await failure(exec);
    expect([error?.message.includes('is not done after'), error?.retryable]).toEqual([true, true]);
    const child = Number(readFileSync(at('pid'), 'latin1'));
    await eventually(() => expect(isRunning(child)).toBe(false));
  });

  test('is ended when the run is interrupted', async () => {
    const controller = new AbortController();
    const delivering = failure(run(`touch '${at('started')}'; sleep 1000`, { signal: controller.signal }));
    await eventually(() => expect(existsSync(at('started'))).toBe(true));
    controller.abort();
    expect((await delivering)?.message).toContain('was interrupted');
  });

  test('what it leaves running is not waited for', async () => {
    const exec = run(`(sleep 5; touch '${at('late')}') & exit 0`);
    expect(await exec.deliver(chunks('x'), { name })).toMatchObject({ status: 'stored' });
    expect(existsSync(at('late'))).toBe(false);
  });
});
