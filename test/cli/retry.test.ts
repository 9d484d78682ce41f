import { describe, expect, it } from 'vitest';
import { startSandbox } from '../../src/sandbox/index.ts';
import { mailtool } from './mailtool.ts';

const MESSAGE = [
  'send',
  '-f',
  'a@example.org',
  '-t',
  'b@example.org',
  '-s',
  'Hi',
  '-m',
  'hi',
  '--message-id',
  '<1@x.org>',
];

/** Sends against a server with these faults; gives the outcome, and how many copies arrived. */
async function sentWith(faults: readonly string[], ...args: string[]) {
  await using sandbox = await startSandbox({ faults });
  const result = await mailtool([...MESSAGE, '-v', ...args], { env: sandbox.environment() });
  const attempts = (result.stderr.match(/trying again in/g)?.length ?? 0) + 1;
  return { code: result.code, attempts, copies: sandbox.messages().length, stderr: result.stderr };
}

describe('--retry-for', () => {
  it.each([
    ['a recipient refused for now (greylisting)', 'rcpt:450 4.7.1 greylisted@1'],
    ['a hang-up at DATA', 'data:drop@1'],
    ['a greeting that says later', 'greeting:421@1'],
    ['a refusal for now after the dot', 'eod:451@1'],
  ])('tries again after %s: one copy', async (_, fault) => {
    expect(await sentWith([fault], '--retry-for', '30s')).toMatchObject({ code: 0, attempts: 2, copies: 1 });
  });

  it('never after the dot when its reply is lost: exit 79, no second copy', async () => {
    const outcome = await sentWith(['eod:lose@1'], '--retry-for', '30s');
    expect(outcome).toMatchObject({ code: 79, attempts: 1, copies: 1 });
  });

  it('not what is refused for good', async () => {
    const outcome = await sentWith(['rcpt:550@1'], '--retry-for', '30s');
    expect(outcome).toMatchObject({ code: 67, attempts: 1, copies: 0 });
  });

  it('gives up, with the last error, when the next attempt would come too late', async () => {
    const outcome = await sentWith(['rcpt:450@1+'], '--retry-for', '2s');
    expect(outcome).toMatchObject({ code: 75, attempts: 2, copies: 0 });
  });

  it('without it there is one attempt', async () => {
    expect(await sentWith(['rcpt:450@1'])).toMatchObject({ code: 75, attempts: 1, copies: 0 });
  });

  it.each([
    [['--retry-for', 'soon'], 64],
    [['--retry-for', '5m', '--smtp-password-stdin', '--smtp-user', 'u'], 64],
  ])('is refused with %s', async (args, code) => {
    const result = await mailtool([...MESSAGE, '--smtp-host', '127.0.0.1:1', ...args], { input: 'secret\n' });
    expect(result.code).toBe(code);
  });
});
