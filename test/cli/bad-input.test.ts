import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer as createPlainServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { certificateFor } from '../certificate.ts';
import { mailtool, type Ran } from './mailtool.ts';
import { type Answer, HANG_UP, type ScriptedServer, SILENCE, smtpServer } from './scripted-server.ts';

const MESSAGE = ['send', '--from', 'a@example.org', '-t', 'b@example.org', '-s', 'x', '-m', 'text'];
const FAILURE = /^mailtool: error: .+\n(?: {2}<.+\n)*hint: .+\n$/;
const credentials = { MAILTOOL_SMTP_USER: 'me', MAILTOOL_SMTP_PASSWORD: 'not-the-password' };

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'mailtool-test-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** One clear error with a hint on stderr, nothing on stdout; the same with --json as one document; `exit` both times. */
async function fails(
  exit: number,
  args: readonly string[],
  options: { env?: Record<string, string>; input?: string } = {},
): Promise<Ran & { error: { code: string; stage: string | null; hint: string } }> {
  const ran = await mailtool(args, options);
  expect(ran.stderr).toMatch(FAILURE);
  expect({ code: ran.code, stdout: ran.stdout }).toEqual({ code: exit, stdout: '' });
  const json = await mailtool([...args, '--json'], options);
  expect(json.code).toBe(exit);
  const document = JSON.parse(json.stdout);
  expect(document).toMatchObject({ schema: `mailtool.${args[0]}/1`, ok: false, error: { exit } });
  expect(document.error.hint).toEqual(expect.stringMatching(/./));
  // Rubbish may be gone on another connection, so 76 can be either.
  if (exit !== 76) expect(document.error.retryable).toBe(exit === 75);
  return { ...ran, error: document.error };
}

const at = (server: { port: number }) => ['--smtp-host', `127.0.0.1:${server.port}`];

describe('reaching the server', () => {
  const hook = fileURLToPath(new URL('no-dns.cjs', import.meta.url));
  const lookup = (code: string) => ({ NODE_OPTIONS: `--require ${hook}`, LOOKUP_FAILS: code });

  it('an unknown host: 68', async () => {
    const { error } = await fails(68, [...MESSAGE, '--smtp-host', 'mx.example.invalid'], {
      env: lookup('ENOTFOUND'),
    });
    expect(error).toMatchObject({ code: 'EDNS', stage: 'dns' });
  });

  it('a name server that does not answer: 75', async () => {
    const { error } = await fails(75, [...MESSAGE, '--smtp-host', 'mx.example.org'], {
      env: lookup('EAI_AGAIN'),
    });
    expect(error.stage).toBe('dns');
  });

  it('a refused connection: 75', async () => {
    const server = createPlainServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    const { error } = await fails(75, [...MESSAGE, ...at({ port })]);
    expect(error).toMatchObject({ code: 'ECONNECT', stage: 'connect' });
  });

  it('no server at all: 78', async () => {
    const { stderr } = await fails(78, MESSAGE);
    expect(stderr).toContain('--smtp-host');
  });

  it.each([
    ['--timeout', '1s'],
    ['--deadline', '1s'],
  ])('a server that says nothing: 75, within %s', async (...limit) => {
    await using server = await smtpServer({ GREETING: SILENCE });
    const { error } = await fails(75, [...MESSAGE, ...at(server), ...limit]);
    expect(error).toMatchObject({ code: 'ETIMEOUT', stage: 'greeting' });
  });

  it.each(['EHLO', 'MAIL', 'RCPT', 'DATA'])('a server that says nothing more after %s: 75', async (verb) => {
    await using server = await smtpServer({ [verb]: SILENCE });
    const { error } = await fails(75, [...MESSAGE, ...at(server), '--timeout', '1s']);
    expect(error).toMatchObject({ code: 'ETIMEOUT', stage: verb.toLowerCase() });
  });
});

describe('the deadline', () => {
  it.each([
    ['the body', []],
    ['the password', ['-m', 'x', '--smtp-user', 'me', '--smtp-password-stdin']],
  ])('ends the wait for %s from a standard input that does not end: 75', async (_, args) => {
    await using server = await smtpServer();
    const { code, stderr } = await mailtool(
      ['send', '-f', 'a@example.org', '-t', 'b@example.org', ...args, ...at(server), '--deadline', '1s'],
      { input: null },
    );
    expect(code, stderr).toBe(75);
    expect(stderr).toMatch(/^mailtool: error: the deadline .*\nhint: .*standard input.*\n$/);
    expect(server.lines).toEqual([]);
  });
});

it('the longest deadline is no deadline of a millisecond', async () => {
  await using server = await smtpServer();
  const { code, stderr } = await mailtool([
    ...MESSAGE,
    ...at(server),
    '--deadline',
    '24d',
    '--timeout',
    '24d',
  ]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});

describe('TLS', () => {
  async function tlsServer(): Promise<AsyncDisposable & { port: number }> {
    const server = createTlsServer(await certificateFor('localhost'), (socket) => {
      socket.on('error', () => undefined);
      socket.end('220 mx.example.org\r\n');
    });
    const open = new Set<{ destroy(): void }>();
    server.on('connection', (socket) => open.add(socket));
    server.on('tlsClientError', () => undefined);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return {
      port: (server.address() as AddressInfo).port,
      async [Symbol.asyncDispose]() {
        for (const socket of open) socket.destroy();
        server.close();
        await once(server, 'close');
      },
    };
  }

  it('spoken to a port that speaks plain text: 76, and says so', async () => {
    await using server = await smtpServer();
    const { stderr, error } = await fails(76, [...MESSAGE, ...at(server), '--smtp-tls', 'implicit']);
    expect(error).toMatchObject({ code: 'ETLS', stage: 'tls' });
    expect(stderr).toMatch(/plain text/);
  });

  it.each(['none', 'starttls'])(
    'not spoken (%s) to a port that expects it: 76, and says so',
    async (mode) => {
      await using server = await tlsServer();
      const { stderr, error } = await fails(76, [
        ...MESSAGE,
        ...at(server),
        '--smtp-tls',
        mode,
        '--timeout',
        '1s',
      ]);
      expect(error).toMatchObject({ code: 'ETLS', stage: 'tls' });
      expect(stderr).toContain('--smtp-tls implicit');
    },
  );

  it('with a certificate that nobody here trusts: 76, and how to trust it', async () => {
    await using server = await tlsServer();
    const { stderr, error } = await fails(76, [...MESSAGE, ...at(server), '--smtp-tls', 'implicit']);
    expect(error).toMatchObject({ code: 'ECERT', stage: 'tls' });
    expect(stderr).toMatch(/--tls-ca.*--tls-fingerprint [0-9a-f]{64}/);
  });

  it('required, and not offered: 76, and no password leaves', async () => {
    await using server = await smtpServer();
    await fails(76, [...MESSAGE, ...at(server), '--smtp-tls', 'starttls'], { env: credentials });
    expect(server.lines.join('\n')).not.toMatch(/AUTH|MAIL/);
  });
});

describe('logging in', () => {
  it('a wrong password: 77, and the password is nowhere', async () => {
    await using server = await smtpServer({ AUTH: '535 5.7.8 wrong, it is not not-the-password\r\n' });
    const args = [...MESSAGE, ...at(server)];
    const { stderr, error } = await fails(77, args, { env: credentials });
    expect(error).toMatchObject({ code: 'EAUTH', stage: 'auth', reply: { code: 535, enhanced: '5.7.8' } });
    expect(stderr).toMatch(/hint: .*password/);
    const { stderr: transcript } = await mailtool([...args, '-vv'], { env: credentials });
    expect(transcript).not.toContain('not-the-password');
    expect(transcript).not.toContain(Buffer.from('\0me\0not-the-password').toString('base64'));
  });

  it('a server that is busy: 75', async () => {
    await using server = await smtpServer({ AUTH: '454 4.7.0 later\r\n' });
    await fails(75, [...MESSAGE, ...at(server)], { env: credentials });
  });

  it('a server that wants a log-in: 77', async () => {
    await using server = await smtpServer({ MAIL: '530 5.7.0 log in first\r\n' });
    const { stderr } = await fails(77, [...MESSAGE, ...at(server)]);
    expect(stderr).toMatch(/hint: .*(user|log)/);
  });

  it('a user without a password: 78, before a connection', async () => {
    await using server = await smtpServer();
    await fails(78, [...MESSAGE, ...at(server), '--smtp-user', 'me']);
    expect(server.lines).toEqual([]);
  });
});

describe('recipients', () => {
  const refuse = (reply: string) => ({
    RCPT: (line: string) => (line.includes('nobody') ? `${reply}\r\n` : undefined),
  });

  it('one of three refused: 67, it is named, and the others get the message', async () => {
    await using server = await smtpServer(refuse('550 5.1.1 no such user'));
    const args = [
      'send',
      '--from',
      'a@example.org',
      '-t',
      'b@example.org, nobody@example.org',
      '-c',
      'c@example.org',
      '-m',
      'x',
      ...at(server),
    ];
    const { code, stdout, stderr } = await mailtool(args);
    expect({ code, stdout }).toEqual({ code: 67, stdout: '' });
    expect(stderr).toMatch(FAILURE);
    expect(stderr).toContain('1 of 3 recipients refused, the message went to the others');
    expect(stderr).toContain('  <nobody@example.org>: 550 5.1.1 no such user\n');
    expect(server.lines).toContain('.');
    const document = JSON.parse((await mailtool([...args, '--json'])).stdout);
    expect(document).toMatchObject({
      ok: false,
      status: 'partial',
      rejected: [
        { address: 'nobody@example.org', reply: { code: 550, enhanced: '5.1.1', text: 'no such user' } },
      ],
      queueId: '4BXzzz',
      error: { exit: 67, stage: 'rcpt', retryable: false },
    });
    expect(document.accepted.map(({ address }: { address: string }) => address)).toEqual([
      'b@example.org',
      'c@example.org',
    ]);
  });

  it('one of three refused for now: 67 still, because sending again would double the others', async () => {
    await using server = await smtpServer(refuse('450 4.2.1 later'));
    const { code, stderr } = await mailtool([...MESSAGE, '-c', 'nobody@example.org', ...at(server)]);
    expect(code).toBe(67);
    expect(stderr).toContain('450 4.2.1 later (for now)');
  });

  it('one of three refused, with --require-all: 67, and nobody gets it', async () => {
    await using server = await smtpServer(refuse('550 5.1.1 no such user'));
    await fails(67, [...MESSAGE, '-c', 'nobody@example.org', '--require-all', ...at(server)]);
    expect(server.lines).not.toContain('DATA');
    expect(server.lines.at(-1)).toBe('QUIT');
  });

  it('all refused: 67, and each is named', async () => {
    await using server = await smtpServer({ RCPT: '550 5.1.1 no such user\r\n' });
    const { stderr } = await fails(67, [...MESSAGE, '-c', 'c@example.org', ...at(server)]);
    for (const path of ['b@example.org', 'c@example.org'])
      expect(stderr).toContain(`  <${path}>: 550 5.1.1 no such user`);
    expect(server.lines).not.toContain('DATA');
  });

  it('all refused for now: 75', async () => {
    await using server = await smtpServer({ RCPT: '450 4.2.1 later\r\n' });
    await fails(75, [...MESSAGE, ...at(server)]);
  });
});

describe('what is checked before a connection', () => {
  let server: ScriptedServer;
  beforeEach(async () => {
    server = await smtpServer();
  });
  afterEach(() => server[Symbol.asyncDispose]());

  it.each([
    ['an attachment that is not there', 66, ['-A', '/nonexistent/report.pdf']],
    ['an attachment that is a directory', 66, ['-A', '/']],
    ['an address with CR and LF', 65, ['-c', 'c@example.org\r\nRCPT TO:<d@example.org>']],
    ['an address with LF', 65, ['-c', 'c@example.org\n']],
    ['an address with NUL', 65, ['--reply-to', 'c@exam\u0007ple.org']],
    ['an address without a domain that mail can have', 65, ['-b', 'c@@example..org']],
    ['a subject with a line end', 65, ['-s', 'x\r\nBcc: all@example.org']],
    ['a header field with a line end', 65, ['-H', 'X-Job: a\nBcc: all@example.org']],
    ['a header field without a colon', 64, ['-H', 'X-Job']],
    ['a date that is none', 64, ['--date', 'the day after']],
    ['a date that only looks like one to a parser', 64, ['--date', 'next week 3']],
    ['a day that is in no month', 64, ['--date', '2026-02-30']],
    ['a day whose month nobody knows', 64, ['--date', '11/12/2026']],
    ['images of no HTML', 64, ['--html-images', '/']],
    ['a priority that is none', 64, ['--priority', 'urgent']],
    ['a word too many', 64, ['c@example.org']],
    ['an unknown flag', 64, ['--atach', 'x']],
    ['two texts', 64, ['--text-file', '/etc/hostname']],
    ['standard input wanted twice', 64, ['--html-file', '-', '-A', '-;name=x.txt']],
    ['--raw with a subject', 64, ['--raw', '-']],
    ['a missing CA file', 78, ['--tls-ca', '/nonexistent/ca.pem']],
    ['a mechanism without a user', 78, ['--smtp-auth', 'plain']],
    ['a duration that is none', 64, ['--timeout', 'soon']],
  ])('%s: %d %s', async (_, exit, args) => {
    await fails(exit, [...MESSAGE, ...at(server), ...args]);
    expect(server.lines).toEqual([]);
  });

  it('an attachment that may not be read: 66', async () => {
    const path = join(dir, 'secret.txt');
    writeFileSync(path, 'x');
    chmodSync(path, 0);
    if (process.getuid?.() === 0) return; // root reads everything
    await fails(66, [...MESSAGE, ...at(server), '-A', path]);
  });

  it('an empty body: 65', async () => {
    const args = ['send', '--from', 'a@example.org', '-t', 'b@example.org', ...at(server)];
    const { stderr } = await fails(65, args, { input: '' });
    expect(stderr).toMatch(/hint: .*-m ''.*-E/);
    expect(server.lines).toEqual([]);
  });

  it('no recipient: 64; no sender: 78', async () => {
    await fails(64, ['send', '--from', 'a@example.org', '-m', 'x', ...at(server)]);
    await fails(78, ['send', '-t', 'b@example.org', '-m', 'x', ...at(server)]);
    expect(server.lines).toEqual([]);
  });
});

describe('a server that hangs up', () => {
  it.each(['GREETING', 'EHLO', 'AUTH', 'MAIL', 'RCPT', 'DATA'])('at %s: 75', async (stage) => {
    await using server = await smtpServer({ [stage]: HANG_UP });
    const { error } = await fails(75, [...MESSAGE, ...at(server)], { env: credentials });
    expect(error.stage).toBe(stage.toLowerCase());
  });

  it('after the final dot: 79, the outcome is unknown', async () => {
    await using server = await smtpServer({ '.': HANG_UP });
    const { error, stderr } = await fails(79, [...MESSAGE, ...at(server)]);
    expect(error).toMatchObject({ code: 'EUNCERTAIN', stage: 'eod' });
    expect(stderr).toMatch(/may have been delivered/);
    const { stdout } = await mailtool([...MESSAGE, ...at(server), '--json']);
    expect(JSON.parse(stdout).status).toBe('unknown');
  });

  it('at QUIT: 0, the message is accepted', async () => {
    await using server = await smtpServer({ QUIT: HANG_UP });
    expect(await mailtool([...MESSAGE, ...at(server)])).toEqual({
      code: 0,
      signal: null,
      stdout: '',
      stderr: '',
    });
  });
});

describe('a server that refuses', () => {
  const reply = (code: number) => `${code} ${String(code)[0]}.3.0 no\r\n`;
  it.each([
    ['GREETING', 421, 75],
    ['GREETING', 554, 69],
    ['EHLO', 421, 75],
    ['EHLO', 550, 69],
    ['AUTH', 535, 77],
    ['MAIL', 451, 75],
    ['MAIL', 550, 69],
    ['RCPT', 421, 75],
    ['DATA', 451, 75],
    ['DATA', 554, 69],
    ['.', 452, 75],
    ['.', 554, 69],
  ])('at %s with %d: %d', async (stage, code, exit) => {
    await using server = await smtpServer({ [stage]: reply(code) as Answer });
    const { error } = await fails(exit, [...MESSAGE, ...at(server)], { env: credentials });
    expect(error).toMatchObject({ reply: { code } });
  });

  it('in words that are no reply: 76', async () => {
    await using server = await smtpServer({ EHLO: 'HTTP/1.1 400 Bad Request\r\n' });
    const { error } = await fails(76, [...MESSAGE, ...at(server)]);
    expect(error.code).toBe('EPROTO');
  });
});
