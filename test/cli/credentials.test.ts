import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { certificateFor, type TestCertificate } from '../certificate.ts';
import { mailtool, type RunOptions } from './mailtool.ts';
import { lineServer, smtpServer } from './scripted-server.ts';

const TOKEN = 'ya29.s3cret-t0ken_A/b+c~d==';
const base64 = (text: string) => Buffer.from(text).toString('base64');
const offering = (mechanisms: string) => `250-mx.example.org\r\n250 AUTH ${mechanisms}\r\n`;

let dir: string;
let certificate: TestCertificate;
let clientCertificate: TestCertificate;
const path = (name: string) => join(dir, name);
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'mailtool-test-'));
  [certificate, clientCertificate] = await Promise.all([certificateFor(), certificateFor('client')]);
  writeFileSync(path('ca.pem'), certificate.cert);
  writeFileSync(path('client.pem'), clientCertificate.cert);
  writeFileSync(path('client.key'), clientCertificate.key, { mode: 0o600 });
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const send = (port: number, args: readonly string[], env: RunOptions['env'] = {}) =>
  mailtool(['send', '-t', 'b@example.org', '-f', 'a@example.org', '-m', 'x', ...args], {
    env: { MAILTOOL_SMTP_HOST: `127.0.0.1:${port}`, ...env },
  });

/** Nothing that came out tells the token, in whatever form. */
function expectNoToken(everything: string): void {
  const tail = base64(`auth=Bearer ${TOKEN}\x01\x01`).slice(-24);
  for (const form of [TOKEN, 's3cret', base64(TOKEN), tail]) expect(everything).not.toContain(form);
}

describe('a mechanism that nobody knows', () => {
  it.each([
    [
      ['send', '-f', 'a@b', '-t', 'c@d', '-m', 'x', '--smtp-host', '127.0.0.1:1', '--smtp-auth', 'foo'],
      {},
      64,
    ],
    [
      ['stat', '--pop3-host', '127.0.0.1:1'],
      { MAILTOOL_POP3_AUTH: 'foo', MAILTOOL_POP3_USER: 'u', MAILTOOL_POP3_PASSWORD: 'p' },
      78,
    ],
  ])('is told before a socket opens: %s', async (args, env, code) => {
    const more = args[0] === 'send' ? { MAILTOOL_SMTP_USER: 'u', MAILTOOL_SMTP_PASSWORD: 'p' } : {};
    const result = await mailtool(args, { env: { ...env, ...more } });
    expect(result.code).toBe(code);
    expect(result.stderr).toMatch(/no log-in mechanism "FOO"[\s\S]*known are .*SCRAM-SHA-256/);
  });
});

describe('an OAuth 2 token', () => {
  const xoauth2 = base64(`user=me\x01auth=Bearer ${TOKEN}\x01\x01`);

  it.each<[offered: string, env: Record<string, string>, mechanism: string]>([
    ['PLAIN XOAUTH2 SCRAM-SHA-256', { MAILTOOL_SMTP_TOKEN: TOKEN }, 'XOAUTH2'],
    ['PLAIN XOAUTH2 OAUTHBEARER', { MAILTOOL_SMTP_TOKEN: TOKEN }, 'OAUTHBEARER'],
    ['OAUTHBEARER XOAUTH2', { MAILTOOL_SMTP_TOKEN: TOKEN, MAILTOOL_SMTP_AUTH: 'xoauth2' }, 'XOAUTH2'],
    ['XOAUTH2', { MAILTOOL_SMTP_TOKEN_CMD: `echo '${TOKEN}'` }, 'XOAUTH2'],
  ])('logs in to SMTP that offers %s, with %j, by %s, and is not told', async (offered, env, mechanism) => {
    await using server = await smtpServer({ EHLO: offering(offered) });
    const log = path(`${mechanism}-${offered.length}.log`);
    const ran = await send(server.port, ['--json', '-vv', '--log-file', log], {
      MAILTOOL_SMTP_USER: 'me',
      ...env,
    });
    expect(ran.code).toBe(0);
    expect(JSON.parse(ran.stdout)).toMatchObject({ status: 'sent', auth: mechanism });
    const auth = server.lines.find((line) => line.startsWith('AUTH')) ?? '';
    if (mechanism === 'XOAUTH2') expect(auth).toBe(`AUTH XOAUTH2 ${xoauth2}`);
    else {
      expect(Buffer.from(auth.split(' ')[2] ?? '', 'base64').toString()).toBe(
        `n,a=me,\x01host=127.0.0.1\x01port=${server.port}\x01auth=Bearer ${TOKEN}\x01\x01`,
      );
    }
    const logged = readFileSync(log, 'utf8');
    expect(logged).toMatch(/AUTH \S+ \[redacted \d+ bytes\]/);
    expectNoToken(ran.stdout + ran.stderr + logged);
  });

  it('is refused with the reason that the server gave, and not told when the server repeats it: 77', async () => {
    await using server = await smtpServer({
      EHLO: offering('OAUTHBEARER XOAUTH2'),
      AUTH: `334 ${base64('{"status":"invalid_token"}')}\r\n`,
      'AQ==': `535 5.7.8 ${TOKEN} has expired\r\n`,
    });
    const { code, stderr } = await send(server.port, ['-vv'], {
      MAILTOOL_SMTP_USER: 'me',
      MAILTOOL_SMTP_TOKEN: TOKEN,
    });
    expect(code).toBe(77);
    expect(stderr).toContain('invalid_token');
    expect(stderr).toContain('S: 334 [redacted 36 bytes]\n');
    expect(stderr).toContain('[redacted] has expired');
    expectNoToken(stderr);
    expect(server.lines.filter((line) => line.startsWith('AUTH'))).toHaveLength(1);
  });

  it('is not given to a mechanism that wants a password: 77', async () => {
    await using server = await smtpServer({ EHLO: offering('PLAIN LOGIN') });
    const { code, stderr } = await send(server.port, [], {
      MAILTOOL_SMTP_USER: 'me',
      MAILTOOL_SMTP_TOKEN: TOKEN,
    });
    expect(code).toBe(77);
    expect(stderr).toContain('the server offers no log-in that takes a token, only PLAIN, LOGIN');
    expect(server.lines.some((line) => line.startsWith('AUTH'))).toBe(false);
  });

  it.each([
    ['a password beside it', { MAILTOOL_SMTP_TOKEN: TOKEN, MAILTOOL_SMTP_PASSWORD: 'p' }],
    ['a control character in it', { MAILTOOL_SMTP_TOKEN: `${TOKEN}\x01auth=Bearer other` }],
    ['a line break in it', { MAILTOOL_SMTP_TOKEN: `${TOKEN}\r\nMAIL FROM:<>` }],
    ['a command that prints two lines', { MAILTOOL_SMTP_TOKEN_CMD: `echo '${TOKEN}'; echo more` }],
  ])('with %s ends before a connection: 78', async (_, env) => {
    await using server = await smtpServer({ EHLO: offering('XOAUTH2') });
    const { code, stderr } = await send(server.port, [], { MAILTOOL_SMTP_USER: 'me', ...env });
    expect(code).toBe(78);
    expectNoToken(stderr);
    expect(server.lines).toEqual([]);
  });

  it('of the environment does not go to a host of ./.env, where no command is run either: 78', async () => {
    await using server = await smtpServer({ EHLO: offering('XOAUTH2') });
    const host = `MAILTOOL_SMTP_HOST=127.0.0.1:${server.port}\n`;
    const cwd = mkdtempSync(path('cwd-'));
    const args = ['send', '-t', 'b@example.org', '-f', 'a@example.org', '-m', 'x'];
    writeFileSync(join(cwd, '.env'), host);
    const steered = await mailtool(args, {
      cwd,
      env: { MAILTOOL_SMTP_USER: 'me', MAILTOOL_SMTP_TOKEN: TOKEN },
    });
    expect(steered.code).toBe(78);
    expect(steered.stderr).toContain('the token (environment MAILTOOL_SMTP_TOKEN) is not used with a host');
    writeFileSync(join(cwd, '.env'), `${host}MAILTOOL_SMTP_USER=me\nMAILTOOL_SMTP_TOKEN_CMD="touch ran"\n`);
    const commanded = await mailtool(args, { cwd });
    expect(commanded.code).toBe(78);
    expect(commanded.stderr).toContain('MAILTOOL_SMTP_TOKEN_CMD (./.env:3) is refused');
    expect(server.lines).toEqual([]);
    expect(() => readFileSync(join(cwd, 'ran'))).toThrow(/ENOENT/);
  });

  it.each([
    ['XOAUTH2 PLAIN', 0, ''],
    ['PLAIN', 77, 'no log-in that takes a token, only PLAIN'],
  ])('logs in to POP3 where that offers %s: exit %i', async (offered, exit, text) => {
    // Too long for a command of POP3: it waits for the challenge.
    const long = TOKEN.replace('ya29.', `ya29.${'x'.repeat(250)}`);
    await using server = await lineServer('+OK ready\r\n', (line) => {
      const verb = line.split(' ')[0];
      if (verb === 'CAPA') return `+OK\r\nSASL ${offered}\r\n.\r\n`;
      if (verb === 'AUTH') return '+ \r\n';
      return verb === 'STAT' ? '+OK 0 0\r\n' : '+OK\r\n';
    });
    const { code, stderr } = await mailtool(['stat', '-vv'], {
      env: {
        MAILTOOL_POP3_HOST: `127.0.0.1:${server.port}`,
        MAILTOOL_POP3_USER: 'me',
        MAILTOOL_POP3_TOKEN: long,
      },
    });
    expect(stderr).toContain(text);
    expect(code).toBe(exit);
    expectNoToken(stderr);
    const response = base64(`user=me\x01auth=Bearer ${long}\x01\x01`);
    expect(server.lines.includes(response)).toBe(exit === 0);
    expect(server.lines.includes('AUTH XOAUTH2')).toBe(exit === 0);
  });
});

describe('a log-in without a secret', () => {
  it.each<[args: string[], initial: string]>([
    [[], '='],
    [['--smtp-user', 'me@example.org'], base64('me@example.org')],
  ])('EXTERNAL %j shows the client certificate, and no password', async (args, initial) => {
    const tls = { ...certificate, requestCert: true, ca: clientCertificate.cert };
    await using server = await smtpServer({ EHLO: offering('EXTERNAL PLAIN') }, undefined, tls);
    const reached = ['--smtp-tls', 'implicit', '--tls-ca', path('ca.pem'), '--smtp-auth', 'external'];
    const shown = ['--tls-cert', path('client.pem'), '--tls-key', path('client.key')];
    const ran = await send(server.port, ['--json', ...reached, ...shown, ...args]);
    expect(ran.stderr).toBe('');
    expect(JSON.parse(ran.stdout)).toMatchObject({ status: 'sent', auth: 'EXTERNAL' });
    expect(server.lines).toContain(`AUTH EXTERNAL ${initial}`);
    // And the server does want it.
    expect((await send(server.port, [...reached, ...args])).code).not.toBe(0);
  });

  it('EXTERNAL that is refused sends nothing: 77', async () => {
    await using server = await smtpServer({ EHLO: offering('EXTERNAL'), AUTH: '535 5.7.8 no\r\n' });
    expect((await send(server.port, ['--smtp-auth', 'external'])).code).toBe(77);
    expect(server.lines.some((line) => line.startsWith('MAIL'))).toBe(false);
  });

  it('EXTERNAL logs in to POP3', async () => {
    await using server = await lineServer('+OK ready\r\n', (line) => {
      if (line === 'CAPA') return '+OK\r\nSASL EXTERNAL\r\n.\r\n';
      return line === 'STAT' ? '+OK 0 0\r\n' : '+OK\r\n';
    });
    const { code, stderr } = await mailtool(['stat', '--pop3-auth', 'external'], {
      env: { MAILTOOL_POP3_HOST: `127.0.0.1:${server.port}` },
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(server.lines).toContain('AUTH EXTERNAL =');
  });

  it('ANONYMOUS is used when it is named, with the user as a trace or none', async () => {
    for (const [args, initial] of [
      [[], '='],
      [['--smtp-user', 'me'], base64('me')],
    ] as const) {
      await using server = await smtpServer({ EHLO: offering('ANONYMOUS') });
      expect((await send(server.port, ['--smtp-auth', 'anonymous', ...args])).code).toBe(0);
      expect(server.lines).toContain(`AUTH ANONYMOUS ${initial}`);
    }
  });

  it.each(['ANONYMOUS', 'NTLM', 'ANONYMOUS NTLM'])(
    '%s is not used unless it is named: 77',
    async (offered) => {
      await using server = await smtpServer({ EHLO: offering(offered) });
      const { code, stderr } = await send(server.port, [], {
        MAILTOOL_SMTP_USER: 'me',
        MAILTOOL_SMTP_PASSWORD: 'p',
      });
      expect(code).toBe(77);
      expect(stderr).toContain('the server offers no log-in that is known here');
      expect(server.lines.some((line) => /^(?:AUTH|MAIL)/.test(line))).toBe(false);
    },
  );

  it('NTLM begins when it is named', async () => {
    await using server = await smtpServer({ EHLO: offering('NTLM'), AUTH: '504 5.5.4 no\r\n' });
    await send(server.port, ['--smtp-auth', 'ntlm'], {
      MAILTOOL_SMTP_USER: 'me',
      MAILTOOL_SMTP_PASSWORD: 'p',
    });
    expect(server.lines.filter((line) => line.startsWith('AUTH '))).toEqual([
      expect.stringMatching(/^AUTH NTLM(?: TlRMTVNTUAAB\S*)?$/),
    ]);
  });
});
