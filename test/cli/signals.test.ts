import { describe, expect, it } from 'vitest';
import { mailtool } from './mailtool.ts';
import { type Answer, type ScriptedServer, SILENCE, smtpServer } from './scripted-server.ts';

const EXITS = [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const;

/** Sends, and is signalled as soon as the transcript shows `seen`. */
async function stopped(server: ScriptedServer, signal: NodeJS.Signals, seen: string, ...args: string[]) {
  const { code, stdout } = await mailtool(
    [
      ...['send', '--json', '-vv', '-f', 'a@example.org', '-t', 'b@example.org', '-m', 'hi'],
      ...['--smtp-host', '127.0.0.1', '--smtp-port', String(server.port), ...args],
    ],
    {
      onStderr: (text, kill) => text.includes(seen) && kill(signal),
    },
  );
  const { status, error } = JSON.parse(stdout);
  return { code, status, error };
}

describe.each(EXITS)('%s while a reply is awaited: %d', (signal, exit) => {
  it.each([
    ['GREETING', 'connected to', false],
    ['EHLO', 'C: EHLO', false],
    ['MAIL', 'C: MAIL', true],
    ['RCPT', 'C: RCPT', true],
    ['DATA', 'C: DATA', false],
  ])('to %s', async (verb, seen, quits) => {
    const change: Record<string, Answer | (() => Answer)> = {
      [verb]: verb === 'GREETING' ? () => SILENCE : SILENCE,
    };
    await using server = await smtpServer(change);
    const outcome = await stopped(server, signal, seen);
    expect(outcome).toMatchObject({ code: exit, status: 'failed', error: { code: 'EINTERRUPTED', exit } });
    // Goodbye is said where it cannot be taken for anything else, and nothing of the message ever leaves.
    expect(server.lines.includes('QUIT')).toBe(quits);
    expect(server.lines).not.toContain('hi');
    expect(server.lines).not.toContain('.');
  });
});

describe.each(EXITS)('%s while the message goes out', (signal, exit) => {
  it('to a server that does not read on: %d, and no dot', async () => {
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    await using server = await smtpServer(
      { EHLO: '250-mx\r\n250 SIZE 0\r\n' },
      { pauseAt: 'DATA', until: released },
    );
    const outcome = await stopped(server, signal, 'S: 354', '-A', process.execPath);
    expect(outcome).toMatchObject({ code: exit, status: 'failed', error: { code: 'EINTERRUPTED' } });
    release();
    expect(server.lines).not.toContain('.');
  });

  it('once it has left: 79', async () => {
    await using server = await smtpServer({ '.': SILENCE });
    expect(await stopped(server, signal, 'the dot that ends it')).toMatchObject({
      code: 79,
      status: 'unknown',
      error: { code: 'EUNCERTAIN', stage: 'eod', retryable: false },
    });
  });

  it('once it has been taken: 0', async () => {
    await using server = await smtpServer({ QUIT: SILENCE });
    expect(await stopped(server, signal, 'C: QUIT')).toMatchObject({ code: 0, status: 'sent', error: null });
  });

  it('while another attempt is waited for: it is not made', async () => {
    await using server = await smtpServer({ RCPT: '450 4.2.0 later\r\n' });
    const outcome = await stopped(server, signal, 'trying again in', '--retry-for', '1h');
    expect(outcome).toMatchObject({ code: exit, status: 'failed', error: { code: 'EINTERRUPTED' } });
    expect(server.lines.filter((line) => line.startsWith('MAIL'))).toHaveLength(1);
  });
});
