import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startSandbox } from '../../src/sandbox/index.ts';
import { mailtool } from './mailtool.ts';

const MESSAGE = [
  'send',
  '--json',
  '-v',
  '-f',
  'a@example.org',
  '-t',
  'b@example.org',
  '-s',
  'Hi',
  '-m',
  'hi',
];

/** Sends with log-in and STARTTLS to a server with this fault; gives what was said, and how many copies there are. */
async function sentWith(fault: string, ...args: string[]) {
  await using sandbox = await startSandbox({ tls: true, username: 'me@example.org', faults: [fault] });
  const { code, stdout, stderr } = await mailtool([...MESSAGE, ...args], { env: sandbox.environment() });
  const { status, error } = JSON.parse(stdout);
  const attempts = (stderr.match(/trying again in/g)?.length ?? 0) + 1;
  return { code, status, error, attempts, copies: sandbox.messages().length };
}

/** The stage of the sandbox at which the server goes, and the stage that the document tells. */
const BEFORE_THE_DOT: readonly [fault: string, stage: string][] = [
  ['greeting:drop', 'greeting'],
  ['greeting:421', 'greeting'],
  ['ehlo:drop', 'ehlo'],
  ['ehlo:421', 'ehlo'],
  ['starttls:drop', 'tls'],
  ['starttls:421', 'tls'],
  ['starttls:454', 'tls'],
  ['auth:drop', 'auth'],
  ['auth:421', 'auth'],
  ['auth:454', 'auth'],
  ['mail:drop', 'mail'],
  ['mail:421', 'mail'],
  ['rcpt:drop', 'rcpt'],
  ['rcpt:421', 'rcpt'],
  ['data:drop', 'data'],
  ['data:421', 'data'],
  ['data:cut', 'data'],
  ['eod:421', 'eod'],
  ['eod:451', 'eod'],
];

describe('a server that goes away before it has the message', () => {
  it.concurrent.each(BEFORE_THE_DOT)('%s: 75, and nobody has it', async (fault, stage) => {
    expect(await sentWith(`smtp.${fault}@1`)).toMatchObject({
      code: 75,
      status: 'failed',
      error: { stage, exit: 75, retryable: true },
      attempts: 1,
      copies: 0,
    });
  });

  it.concurrent.each(BEFORE_THE_DOT)('%s, with --retry-for: one copy arrives', async (fault) => {
    expect(await sentWith(`smtp.${fault}@1`, '--retry-for', '30s')).toMatchObject({
      code: 0,
      status: 'sent',
      error: null,
      attempts: 2,
      copies: 1,
    });
  });

  it('in the middle of a long text: 75, then one copy', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'mailtool-killed-'));
    const path = join(folder, 'long.bin');
    writeFileSync(path, Buffer.alloc(30_000_000, 7));
    const long = ['-A', path];
    const once = await sentWith('body:drop@1', ...long);
    expect(once).toMatchObject({ code: 75, status: 'failed', error: { retryable: true }, copies: 0 });
    expect(['data', 'eod']).toContain(once.error.stage);
    expect(await sentWith('body:drop@1', ...long, '--retry-for', '30s')).toMatchObject({
      code: 0,
      attempts: 2,
      copies: 1,
    });
    rmSync(folder, { recursive: true });
  });
});

describe('a server that goes away after it has the message', () => {
  it.concurrent.each([
    ['eod:lose', 1],
    ['eod:cut', 1],
    ['eod:drop', 0],
  ])('%s: 79, and it is not sent again', async (fault, copies) => {
    for (const retry of [[], ['--retry-for', '30s']])
      expect(await sentWith(`${fault}@1`, ...retry)).toMatchObject({
        code: 79,
        status: 'unknown',
        error: { code: 'EUNCERTAIN', stage: 'eod', exit: 79, retryable: false },
        attempts: 1,
        copies,
      });
  });

  it.concurrent.each(['quit:drop', 'quit:421', 'quit:lose'])('%s: it has been sent', async (fault) => {
    expect(await sentWith(`smtp.${fault}@1`)).toMatchObject({ code: 0, status: 'sent', copies: 1 });
  });
});
