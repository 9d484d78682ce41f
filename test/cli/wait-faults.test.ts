import { describe, expect, test } from 'vitest';
import { startSandbox } from '../../src/sandbox/index.ts';
import { settings } from './maildrop.ts';
import { mailtool } from './mailtool.ts';
import { HANG_UP, lineServer, SILENCE } from './scripted-server.ts';
import { deliver, waited } from './waiting.ts';

const ARGS = ['--existing', '--print', 'subject', '--timeout', '20s'];
const before = [{ subject: 'hello' }];

describe('what may pass is waited out', () => {
  test.each([
    ['the maildrop is in use', 'auth:-ERR [IN-USE] busy@1-2', 3],
    ['a fault that passes', 'auth:-ERR [SYS/TEMP] later@1', 2],
    ['too soon for a log-in', 'auth:-ERR [LOGIN-DELAY] slowly@1', 2],
    ['a hang-up instead of a greeting', 'pop3.greeting:drop@1', 2],
    ['a reset in the midst of the listing', 'uidl:cut@1', 2],
    ['a message that breaks off', 'retr:cut@1', 2],
    ['a header that breaks off', 'top:cut@1', 2],
  ])('%s', async (_, fault, polls) => {
    const args = [...ARGS, '--subject', 'hello', '--body', 'Hello'];
    expect(await waited(args, { before, faults: [fault] })).toMatchObject({
      code: 0,
      stdout: 'hello\n',
      polls,
    });
  });

  test('a server that is not there yet', async () => {
    await using first = await startSandbox();
    const env = first.environment();
    const { port } = first.pop3;
    await first.close();
    let sandbox: Awaited<ReturnType<typeof startSandbox>> | undefined;
    const ran = await mailtool(['wait', '-v', ...ARGS], {
      env,
      onStderr: (text) => {
        if (!text.includes('looking again') || sandbox !== undefined) return;
        void startSandbox({ pop3Port: port, username: first.username, password: first.password }).then(
          async (started) => {
            sandbox = started;
            await deliver(started.environment(), { subject: 'late' });
          },
        );
      },
    });
    await sandbox?.close();
    expect(ran).toMatchObject({ code: 0, stdout: 'late\n' });
  });

  test('what came before a first look that had to be repeated may have come before the wait: that is said', async () => {
    const { code, said } = await waited(['--timeout', '3s'], { before, faults: ['uidl:drop@1'] });
    expect(code).toBe(1);
    expect(said).toMatch(/warning: the first look failed/);
  });

  test('a message that the server refuses to give is told of, and holds up no other', async () => {
    const { code, stdout, said } = await waited([...ARGS, '--body', 'x'], {
      before: [
        { subject: 'one', text: 'x' },
        { subject: 'two', text: 'x' },
      ],
      faults: ['retr:-ERR [SYS/PERM] broken@1'],
    });
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'two\n' });
    expect(said).toMatch(/warning: a message cannot be judged/);
  });
});

test('numbers that shift, a maildrop that is empty for a while: what counts is the unique-id', async () => {
  const sessions = [['a', 'b'], [], ['b', 'c'], ['a', 'b', 'c'], ['d', 'c', 'b']];
  let looks = 0;
  let there: readonly string[] = [];
  await using server = await lineServer('+OK\r\n', (line) => {
    const [verb, number] = line.split(' ');
    if (verb === 'CAPA') return '+OK\r\nUIDL\r\nTOP\r\n.\r\n';
    if (verb === 'TOP') return `+OK\r\nSubject: ${there[Number(number) - 1]}\r\n\r\n.\r\n`;
    if (verb !== 'UIDL') return '+OK\r\n';
    there = sessions[looks++] ?? [];
    return `+OK\r\n${there.map((uid, at) => `${at + 1} ${uid}\r\n`).join('')}.\r\n`;
  });
  const { code, stdout } = await mailtool(
    ['wait', '--print', 'uid', '-N', '2', '--delete', '--timeout', '20s', '--subject', '/./'],
    { env: settings(server.port) },
  );
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'c\nd\n' });
  expect(server.lines.filter((line) => /^(TOP|DELE)/.test(line))).toEqual([
    'TOP 2 0',
    'TOP 1 0',
    'DELE 1',
    'DELE 2',
  ]);
});

describe('what does not pass ends the wait at once', () => {
  test.each([
    ['a refused password', ['auth:-ERR [AUTH] no'], 77],
    ['a fault for good', ['auth:-ERR [SYS/PERM] no'], 69],
    ['no unique-ids', ['capa:hide=UIDL', 'uidl:-ERR no'], 69],
  ])('%s', async (_, faults, code) => {
    expect(await waited(ARGS, { faults })).toMatchObject({ code, polls: 1 });
  });

  test('a certificate that is not trusted', async () => {
    await using sandbox = await startSandbox({ tls: 'implicit' });
    const { MAILTOOL_TLS_CA: _, ...env } = sandbox.environment();
    expect((await mailtool(['wait', '--timeout', '20s'], { env })).code).toBe(76);
  });

  test('what is no POP3 server', async () => {
    await using server = await lineServer('220 ESMTP\r\n', () => '500 no\r\n');
    expect((await mailtool(['wait', '--timeout', '20s'], { env: settings(server.port) })).code).toBe(76);
  });
});

test('a server that was never reached ends the wait soon; one that was looked at has all the time', async () => {
  const answers = new Map([
    ['CAPA', '+OK\r\nUIDL\r\n.\r\n'],
    ['UIDL', '+OK\r\n.\r\n'],
  ]);
  await using gone = await startSandbox();
  const { port: closed } = gone.pop3;
  await gone.close();
  await using hangsUp = await lineServer(HANG_UP, () => SILENCE);
  let looks = 0;
  await using restarting = await lineServer('+OK\r\n', (line) => {
    if (line === 'CAPA') looks++;
    return looks > 2 ? HANG_UP : (answers.get(line) ?? '+OK\r\n');
  });
  const run = (port: number, timeout: string, tls = 'none') =>
    mailtool(['wait', '--timeout', timeout, '--pop3-tls', tls], { env: settings(port) });
  const [refused, handshake, looked] = await Promise.all([
    run(closed, '10m'),
    run(hangsUp.port, '10m', 'implicit'),
    run(restarting.port, '13s'),
  ]);
  expect(refused.code).toBe(75);
  expect(refused.stderr).toMatch(/error: cannot connect .*refused\nhint: nothing listens there/);
  expect(handshake.code).toBe(76);
  expect(handshake.stderr).toMatch(/closed the connection during the TLS handshake/);
  expect(looked.code).toBe(1);
  expect(looked.stderr).toMatch(/within 13s .*the last look failed: lost the connection/);
}, 60_000);

describe('one deadline over everything', () => {
  const STAGES = ['pop3.greeting', 'capa', 'pop3.auth', 'uidl', 'top', 'retr'];
  const look = ['--existing', '--subject', 'hello', '--body', 'nothing', '--timeout', '2s'];
  test.each(STAGES)(
    'also over a server that falls silent at %s: no look, no answer, exit 75',
    async (stage) => {
      const { code, stderr } = await waited(look, { before, faults: [`${stage}:stall`] });
      expect(code).toBe(75);
      expect(stderr).toMatch(/timed out after 2 s/);
    },
  );

  test.each(['pop3.greeting:stall@2+', 'pop3.auth:stall@2+', 'uidl:stall@2+', 'pop3.quit:stall'])(
    'once there was a look the answer is no: %s',
    async (fault) => {
      const { code, stderr } = await waited(look, { before, faults: [fault] });
      expect(code).toBe(1);
      expect(stderr).toMatch(/no message came within 2s/);
    },
  );

  test('a server that cannot be reached at all: its trouble is the answer', async () => {
    await using server = await lineServer(HANG_UP, () => SILENCE);
    const { code, stdout, stderr } = await mailtool(['wait', '--json', '--timeout', '2s'], {
      env: settings(server.port),
    });
    expect(code).toBe(75);
    expect(stderr).toMatch(/^mailtool: error: lost the connection/);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: false,
      matched: [],
      link: null,
      code: null,
      error: { exit: 75, retryable: true },
    });
  });

  test('with --none there is no answer where nobody could look until the end: 75', async () => {
    const { code } = await waited(['--none', '--timeout', '2s'], { faults: ['uidl:-ERR [SYS/TEMP] no@2+'] });
    expect(code).toBe(75);
  });

  test('a delay between log-ins that leaves no room for another: the end, told at once', async () => {
    const announced = '+OK\r\nUIDL\r\nLOGIN-DELAY 900\r\n.\r\n';
    const answer = (line: string) =>
      line === 'CAPA' ? announced : line === 'UIDL' ? '+OK\r\n.\r\n' : '+OK\r\n';
    await using server = await lineServer('+OK\r\n', answer);
    const run = (...args: string[]) =>
      mailtool(['wait', '--timeout', '10m', ...args], { env: settings(server.port) });
    const { code, stderr } = await run();
    expect(code).toBe(1);
    expect(stderr).toContain('LOGIN-DELAY');
    expect(server.lines.filter((line) => line === 'UIDL')).toHaveLength(1);
    expect((await run('--none')).code).toBe(75);
  });

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s ends it at once: %d', async (signal, exit) => {
    const { code } = await waited(['--timeout', '10m'], {
      onStderr: (text, kill) => text.includes('there already') && kill(signal),
    });
    expect(code).toBe(exit);
  });
});
