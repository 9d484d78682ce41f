import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Login, mailtool, type Outcome, pop3Login, smtpLogin, workspace } from './command.ts';
import { digestsIn, leaks } from './secrets.ts';
import { account, describeInterop, type Interop, type InteropUser } from './servers.ts';

/** Runs with the most talkative settings; gives the outcome and everything that came out, the log file included. */
async function talk(
  args: readonly string[],
  env: Record<string, string>,
): Promise<{ outcome: Outcome; everything: string }> {
  const files = workspace();
  try {
    const log = join(files.path, 'session.log');
    const outcome = await mailtool([...args, '-vv', '--log-file', log], { env });
    const logged = readFileSync(log, 'utf8');
    expect(logged).not.toBe('');
    return { outcome, everything: [outcome.stdout.toString('utf8'), outcome.stderr, logged].join('\n') };
  } finally {
    files.remove();
  }
}

function expectNoSecret(everything: string, secret: string): void {
  expect(leaks(everything, secret)).toEqual([]);
  expect(digestsIn(everything)).toEqual([]);
}

const USERS = ['alice', 'bob', 'carol', 'jürgen'];
const WRONG = 'not the right pässword 42';

type Case = readonly [protocol: 'SMTP' | 'POP3', tls: Login['tls'], mechanism: string];
const CASES: readonly Case[] = [
  ...(['plain', 'login', 'cram-md5', 'digest-md5', 'scram-sha-1', 'scram-sha-256'] as const).flatMap(
    (mechanism): Case[] => [
      ['SMTP', 'starttls', mechanism],
      ['SMTP', 'implicit', mechanism],
      ['POP3', 'starttls', mechanism],
      ['POP3', 'implicit', mechanism],
    ],
  ),
  ['POP3', 'starttls', 'user'],
  ['POP3', 'starttls', 'apop'],
  ['SMTP', 'none', 'cram-md5'],
  ['SMTP', 'none', 'digest-md5'],
  ['SMTP', 'none', 'scram-sha-256'],
  ['POP3', 'none', 'scram-sha-1'],
  ['POP3', 'none', 'apop'],
  ['SMTP', 'none', 'plain'],
  ['SMTP', 'none', 'login'],
  ['POP3', 'none', 'user'],
];

/** The command that logs in and does as little else as possible, and its environment. */
function attempt(
  servers: Interop,
  [protocol, tls, mechanism]: Case,
  user: InteropUser,
  password?: string,
): [string[], Record<string, string>] {
  const login = { user, tls, mechanism, ...(password === undefined ? {} : { password }) };
  const clear = tls === 'none' && !/md5|apop|scram/.test(mechanism) ? ['--allow-cleartext-auth'] : [];
  if (protocol === 'POP3') {
    const port = tls === 'implicit' ? servers.pop3.implicit : servers.pop3.stls;
    return [['stat', '--json', ...clear], pop3Login(servers, { ...login, port })];
  }
  const port = {
    implicit: servers.smtp.implicit,
    starttls: servers.smtp.starttls,
    none: servers.smtp.cleartextAuth,
  }[tls];
  const subject = randomUUID();
  return [
    ['send', '--json', '-t', 'heidi@mail.test', '-s', subject, '-m', 'x', ...clear],
    smtpLogin(servers, { ...login, port }),
  ];
}

describeInterop('log in', (servers) => {
  describe.each(CASES)('to %s, TLS %s, with %s', (...each) => {
    it.each(USERS)('as %s, and never tell the password', async (name) => {
      const user = account(servers, name);
      const [args, env] = attempt(servers, each, user);
      const { outcome, everything } = await talk(args, env);
      expect(outcome.stderr).not.toContain('error:');
      expect(outcome.status).toBe(0);
      expect(everything).toMatch(/redacted/);
      expect(everything).toMatch(each[0] === 'SMTP' ? /\b235\b/ : /\+OK Logged in/);
      expectNoSecret(everything, user.password);
    });

    it('with a wrong password: 77, one clear line, and never tell it', async () => {
      const user = account(servers, 'jürgen');
      const [args, env] = attempt(servers, each, user, WRONG);
      const { outcome, everything } = await talk(args, env);
      expect(outcome.status).toBe(77);
      expect(outcome.stderr).toMatch(/^mailtool: error: /m);
      expectNoSecret(everything, WRONG);
    });
  });

  it.each(['SMTP', 'POP3'] as const)('to %s takes the strongest that is offered', async (protocol) => {
    const user = account(servers, 'alice');
    const [args, env] = attempt(servers, [protocol, 'starttls', 'auto'], user);
    const { outcome, everything } = await talk(args, env);
    expect(outcome.status).toBe(0);
    expect(everything).toMatch(/C: AUTH SCRAM-SHA-256 /);
    expectNoSecret(everything, user.password);
  });

  it('does not send mail without the login that was asked for', async () => {
    const user = account(servers, 'alice');
    const env = smtpLogin(servers, { user, port: servers.smtp.plain, tls: 'none', mechanism: 'cram-md5' });
    const { outcome, everything } = await talk(['send', '-t', 'heidi@mail.test', '-s', 'x', '-m', 'x'], env);
    expect([69, 77]).toContain(outcome.status);
    expect(outcome.stderr).toMatch(/^mailtool: error: /m);
    expect(everything).not.toMatch(/C: MAIL/);
  });
});
