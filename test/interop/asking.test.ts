import { expect, it } from 'vitest';
import { json, mailtool, pop3Login, smtpOpen } from './command.ts';
import { account, describeInterop } from './servers.ts';

describeInterop('verify', (servers) => {
  const env = smtpOpen(servers, servers.smtp.plain);
  const alice = account(servers, 'alice').address;

  it.each([
    ['VRFY', []],
    ['RCPT', ['--rcpt']],
  ])('asks Postfix by %s for who is there and who is not', async (_, flags) => {
    const here = await mailtool(['verify', ...flags, alice, '--json'], { env });
    expect(here.stderr).toBe('');
    // Postfix answers a VRFY with 252 even where it knows the mailbox.
    const yes = flags.length === 0 ? 'undisclosed' : 'ok';
    expect(json(here)).toMatchObject({ results: [{ address: alice, status: yes }] });
    expect(here.status).toBe(flags.length === 0 ? 1 : 0);
    const both = await mailtool(['verify', ...flags, alice, servers.unknown, '--json'], { env });
    expect(json(both)).toMatchObject({ results: [{ status: yes }, { status: 'no' }] });
    expect(both.status).toBe(67);
  });

  it('says that there is no EXPN', async () => {
    const outcome = await mailtool(['verify', '--expn', 'staff'], { env });
    expect(outcome.status).toBe(69);
    expect(outcome.stderr).toContain('does not offer EXPN');
  });
});

describeInterop('raw', (servers) => {
  const user = account(servers, 'alice');

  it('talks to Postfix under TLS', async () => {
    const args = ['raw', 'smtp', `${servers.host}:${servers.smtp.starttls}`, '--smtp-tls', 'starttls'];
    const outcome = await mailtool([
      ...args,
      '--tls-ca',
      servers.tls.ca,
      '--',
      'NOOP',
      'EHLO again',
      'TURN',
      'RSET',
      'QUIT',
    ]);
    expect(outcome.status).toBe(1);
    const said = outcome.stdout.toString();
    expect(said).toMatch(
      /^250 2\.0\.0 Ok\n250-.*\n(?:250-.*\n)*250 .*\n50[02] .*\n250 2\.0\.0 Ok\n221 2\.0\.0 Bye\n$/,
    );
    expect(said).not.toContain('STARTTLS');
  });

  it.each([
    ['stls', 'starttls'],
    ['implicit', 'implicit'],
  ] as const)('talks to Dovecot, logged in (%s)', async (port, tls) => {
    const env = pop3Login(servers, { user, port: servers.pop3[port], tls });
    const commands = ['STAT', 'UIDL', 'XNOTHING', 'NOOP'];
    const outcome = await mailtool(['raw', 'pop3', '--login', '--', ...commands], { env });
    expect(outcome.status).toBe(1);
    expect(outcome.stdout.toString()).toMatch(/^\+OK \d+ \d+\n\+OK.*\n(?:\d+ \S+\r\n)*-ERR .*\n\+OK.*\n$/);
    const open = await mailtool(['raw', 'pop3', '--json', '--', 'CAPA', 'STAT', 'STAT'], { env });
    expect(json(open)).toMatchObject({ exchanges: [{ ok: true }, { ok: false }, { ok: false }] });
  });

  it('a password that was typed logs in, and is not shown', async () => {
    const {
      MAILTOOL_POP3_USER: _,
      MAILTOOL_POP3_PASSWORD: __,
      ...env
    } = pop3Login(servers, {
      user,
      port: servers.pop3.stls,
      tls: 'starttls',
    });
    const commands = [`USER ${user.user}`, `PASS ${user.password}`, 'STAT', 'QUIT'];
    const outcome = await mailtool(['raw', 'pop3', '-vv', '--', ...commands], { env });
    expect(outcome.stderr).not.toContain(user.password);
    expect(outcome.status, outcome.stderr).toBe(0);
  });
});
