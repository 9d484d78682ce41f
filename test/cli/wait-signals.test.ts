import { describe, expect, test } from 'vitest';
import { settings } from './maildrop.ts';
import { mailtool } from './mailtool.ts';
import { type Answer, HANG_UP, lineServer, SILENCE } from './scripted-server.ts';

const TEXT = 'Subject: hello\r\n\r\nHello.\r\n';
const ANSWERS: Readonly<Record<string, string>> = {
  CAPA: '+OK\r\nUIDL\r\nTOP\r\nUSER\r\n.\r\n',
  UIDL: '+OK\r\n1 a\r\n.\r\n',
  LIST: '+OK\r\n1 20\r\n.\r\n',
  TOP: `+OK\r\n${TEXT}.\r\n`,
  RETR: `+OK\r\n${TEXT}.\r\n`,
};
const verbOf = (line: string) => line.split(' ')[0] ?? '';

/** A server with one message that answers one of the verbs otherwise. */
function server(verb: string, answer: Answer) {
  const greeting = '+OK ready\r\n';
  return lineServer(verb === 'greeting' ? answer : greeting, (line) => {
    const said = verbOf(line);
    return said === verb ? answer : (ANSWERS[said] ?? '+OK\r\n');
  });
}

const WAIT = ['wait', '-vv', '--json', '--existing', '--subject', 'hello', '--body', 'x', '--timeout', '10m'];

describe.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s', (signal, exit) => {
  test.each([
    ['greeting', 'connected to', SILENCE],
    ['CAPA', 'C: CAPA', SILENCE],
    ['PASS', 'S: +OK ready', SILENCE],
    ['UIDL', 'C: UIDL', SILENCE],
    ['TOP', 'C: TOP', SILENCE],
    ['RETR', 'C: RETR', SILENCE],
    ['QUIT', 'C: QUIT', SILENCE],
    ['UIDL', 'looking again', HANG_UP],
    ['UIDL', 'looking again', '-ERR [SYS/TEMP] later\r\n'],
  ] as const)('while %s is awaited, once %j is told', async (verb, seen, answer) => {
    await using pop3 = await server(verb, answer);
    const { code, stdout } = await mailtool(WAIT, {
      env: settings(pop3.port),
      onStderr: (text, kill) => text.includes(seen) && kill(signal),
    });
    expect(code).toBe(exit);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: false,
      matched: [],
      error: { code: 'EINTERRUPTED', exit },
    });
    expect(pop3.lines.filter((line) => line.startsWith('DELE'))).toEqual([]);
  });
});

describe('the deadline is one for everything', () => {
  /** Says `text` octet by octet, for as long as it is asked. */
  async function dripping(verb: string, text: string) {
    const timers = new Set<ReturnType<typeof setInterval>>();
    const pop3 = await lineServer('+OK ready\r\n', (line, socket) => {
      const said = verbOf(line);
      if (said !== verb) return ANSWERS[said] ?? '+OK\r\n';
      let at = 0;
      const timer = setInterval(() => socket.write(text.charAt(at++ % text.length)), 20);
      timers.add(timer);
      socket.on('close', () => clearInterval(timer));
      return '';
    });
    return {
      port: pop3.port,
      async [Symbol.asyncDispose]() {
        for (const timer of timers) clearInterval(timer);
        await pop3[Symbol.asyncDispose]();
      },
    };
  }

  test.each([
    ['CAPA', '+OK\r\nX\r\nY\r\n'],
    ['UIDL', '+OK slowly '],
    ['TOP', '+OK\r\nX: y\r\n'],
    ['RETR', '+OK\r\nX: y\r\n'],
    ['RETR', 'x'],
  ])('%s, one octet at a time and without end', async (verb, text) => {
    await using pop3 = await dripping(verb, text);
    const { code, stderr } = await mailtool(
      ['wait', '--existing', '--subject', 'hello', '--body', 'x', '--timeout', '2s'],
      { env: settings(pop3.port) },
    );
    expect(code).toBe(75);
    expect(stderr).toMatch(/timed out after 2 s|deadline|within 2s/);
  });

  test('a message without end, as fast as it can be read', async () => {
    const chunk = `${'x'.repeat(998)}\r\n`.repeat(64);
    await using pop3 = await lineServer('+OK ready\r\n', (line, socket) => {
      if (verbOf(line) !== 'RETR') return ANSWERS[verbOf(line)] ?? '+OK\r\n';
      socket.write('+OK\r\n');
      const go = () => {
        while (!socket.destroyed && socket.write(chunk));
      };
      socket.on('drain', go);
      go();
      return '';
    });
    const { code } = await mailtool(
      ['wait', '--existing', '--subject', 'hello', '--body', 'x', '--timeout', '3s'],
      {
        env: settings(pop3.port),
      },
    );
    expect(code).toBe(75);
  });
});

test('of many old messages nothing is asked but their unique-ids', async () => {
  const listed = Array.from({ length: 5_000 }, (_, at) => `${at + 1} uid-${at}\r\n`).join('');
  let looks = 0;
  await using pop3 = await lineServer('+OK ready\r\n', (line) => {
    if (line === 'UIDL') return `+OK\r\n${listed}${looks++ === 0 ? '' : '5001 new\r\n'}.\r\n`;
    return ANSWERS[verbOf(line)] ?? '+OK\r\n';
  });
  const { code, stdout } = await mailtool(
    ['wait', '--subject', 'hello', '--print', 'uid', '--timeout', '20s'],
    {
      env: settings(pop3.port),
    },
  );
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'new\n' });
  const asked = pop3.lines.map(verbOf).filter((verb) => ['LIST', 'TOP', 'RETR', 'UIDL'].includes(verb));
  expect(asked).toEqual(['UIDL', 'UIDL', 'TOP']);
});
