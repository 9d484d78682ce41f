import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { certificateFor } from '../certificate.ts';
import { mailtool } from './mailtool.ts';
import { type ScriptedServer, smtpServer } from './scripted-server.ts';

const dir = mkdtempSync(join(tmpdir(), 'mailtool-test-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const EHLO =
  '250-mx.example.org\r\n250-PIPELINING\r\n250-DSN\r\n250-DELIVERBY 60\r\n250-MT-PRIORITY MIXER\r\n' +
  '250-FUTURERELEASE 604800 2099-01-01T00:00:00Z\r\n250 AUTH PLAIN\r\n';

const send = (server: ScriptedServer, args: readonly string[]) =>
  mailtool(['send', '-t', 'b@example.org', '-f', 'a@example.org', '-s', 'Hi', '-m', 'x', ...args], {
    env: { MAILTOOL_SMTP_HOST: `127.0.0.1:${server.port}` },
  });

const quiet = { code: 0, signal: null, stdout: '', stderr: '' };

describe('what is asked of the servers beyond delivery', () => {
  it.each<[args: string[], mail: string, rcpt?: string]>([
    [['--dsn', 'success,failure,delay'], '', ' NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;b@example.org'],
    [['--dsn', 'Delay, delay'], '', ' NOTIFY=DELAY ORCPT=rfc822;b@example.org'],
    [['--dsn', 'never'], '', ' NOTIFY=NEVER ORCPT=rfc822;b@example.org'],
    [['--dsn-return', 'full'], ' RET=FULL'],
    [['--dsn-return', 'headers', '--envid', 'job 7+x'], ' RET=HDRS ENVID=job+207+2Bx'],
    [['--deliver-by', '2h'], ' BY=7200;N'],
    [['--deliver-by', '2h;notify'], ' BY=7200;N'],
    [['--deliver-by', '90;return'], ' BY=90;R'],
    [['--deliver-by', '30d;return'], ' BY=2592000;R'],
    [['--mt-priority', '-3'], ' MT-PRIORITY=-3'],
    [['--mt-priority', '9'], ' MT-PRIORITY=9'],
    [['--hold-for', '7d'], ' HOLDFOR=604800'],
    [['--hold-until', '2098-12-31T23:00:00.5+01:00'], ' HOLDUNTIL=2098-12-31T22:00:00Z'],
    [['--auth-sender', 'Ann <ann+x@example.org>'], ' AUTH=ann+2Bx@example.org'],
    [['--auth-sender', 'ann@bücher.example'], ' AUTH=ann@xn--bcher-kva.example'],
    [['--auth-sender', '<>'], ' AUTH=<>'],
  ])('%j', async (args, mail, rcpt = '') => {
    await using server = await smtpServer({ EHLO });
    expect(await send(server, args)).toEqual(quiet);
    expect(server.lines).toContain(`MAIL FROM:<a@example.org>${mail}`);
    expect(server.lines).toContain(`RCPT TO:<b@example.org>${rcpt}`);
  });

  it('goes out together, and leaves the document as it is', async () => {
    await using server = await smtpServer({ EHLO });
    const plain = await send(server, ['--json']);
    const { code, stdout } = await send(server, [
      '--json',
      '--dsn',
      'never',
      '--envid',
      'i',
      '--mt-priority=0',
    ]);
    expect(code).toBe(0);
    expect(Object.keys(JSON.parse(stdout))).toEqual(Object.keys(JSON.parse(plain.stdout)));
    expect(server.lines).toContain('MAIL FROM:<a@example.org> ENVID=i MT-PRIORITY=0');
  });

  it.each([
    [['--dsn', 'never'], 'DSN', 'a delivery status notification was asked for'],
    [['--envid', 'x'], 'DSN', 'a delivery status notification was asked for'],
    [['--deliver-by', '2h'], 'DELIVERBY', 'delivery within a time'],
    [['--mt-priority', '1'], 'MT-PRIORITY', 'a transfer priority'],
    [['--hold-for', '1h'], 'FUTURERELEASE', 'holding the message back'],
    [['--hold-until', '2099-01-01'], 'FUTURERELEASE', 'holding the message back'],
    [['--auth-sender', '<>'], 'AUTH', 'AUTH= on MAIL'],
  ])('%j stops before MAIL where the server does not offer it: 69', async (args, keyword, text) => {
    await using server = await smtpServer({ EHLO: '250 mx.example.org\r\n' });
    const { code, stderr } = await send(server, args);
    expect(code).toBe(69);
    expect(stderr).toContain(text);
    expect(stderr).toContain(`which the server does not offer (${keyword})\n`);
    expect(stderr).toMatch(/^hint: .*mailtool probe smtp/m);
    expect(server.lines.filter((line) => /^(?:MAIL|RCPT|DATA)/.test(line))).toEqual([]);
  });

  it.each([
    [['--hold-for', '8d'], 'more than 604800 s'],
    [['--hold-until', '2099-01-01T00:00:01Z'], 'later than 2099-01-01T00:00:00Z'],
    [['--deliver-by', '30s;return'], 'less than 60 s'],
  ])('%j is more than the server grants: 69', async (args, text) => {
    await using server = await smtpServer({ EHLO });
    const { code, stderr } = await send(server, args);
    expect(code).toBe(69);
    expect(stderr).toContain(text);
    expect(server.lines.filter((line) => /^(?:MAIL|RCPT|DATA)/.test(line))).toEqual([]);
  });
});

describe('a wish that makes no sense', () => {
  it.each<[args: string[], exit: 64 | 65, text: string]>([
    [['--dsn', ''], 64, '--dsn'],
    [['--dsn', 'sucess'], 64, '"sucess" is not one of success, failure, delay, never'],
    [['--dsn', 'success,'], 64, '"" is not one of'],
    [['--dsn', 'never,delay'], 64, 'never goes alone'],
    [['--dsn-return', 'half'], 64, '--dsn-return'],
    [['--envid', ''], 64, '1 to 100 characters'],
    [['--envid', 'x'.repeat(101)], 64, '1 to 100 characters'],
    [['--envid', '='.repeat(34)], 64, '1 to 100 characters'],
    [['--envid', 'ü'], 65, 'ASCII'],
    [['--deliver-by', '2x'], 64, 'is not a duration'],
    [['--deliver-by', '2h;later'], 64, '--deliver-by'],
    [['--deliver-by', '2h;'], 64, '--deliver-by'],
    [['--deliver-by', '-1s;notify'], 64, '--deliver-by'],
    [['--deliver-by', '0s'], 64, 'longer than nothing'],
    [['--mt-priority', '10'], 64, '-9 to 9'],
    [['--mt-priority', '1.5'], 64, '-9 to 9'],
    [['--mt-priority', ''], 64, '-9 to 9'],
    [['--mt-priority', '0x1'], 64, '-9 to 9'],
    [['--hold-for', '0'], 64, 'longer than nothing'],
    [['--hold-for', '12000d'], 64, 'longer than 11574 days'],
    [['--hold-for', '1h', '--hold-until', '2099-01-01'], 64, 'say the same thing twice'],
    [['--hold-until', 'tomorrow'], 64, 'is no date'],
    [['--hold-until', '2020-01-01'], 64, 'in the past'],
    [['--hold-until', '+012345-01-01T00:00:00Z'], 64, 'is no date'],
    [['--auth-sender', 'nobody'], 65, '--auth-sender'],
    [['--auth-sender', ''], 65, '--auth-sender'],
    [['--auth-sender', 'a@example.org, b@example.org'], 65, 'one address is wanted'],
    [['--auth-sender', 'jürgen@example.org'], 65, 'ASCII'],
    [['--require-tls'], 64, '--require-tls'],
  ])('%j ends before a connection: %i', async (args, exit, text) => {
    await using server = await smtpServer({ EHLO });
    const { code, stdout, stderr } = await send(server, args);
    expect(stderr).toContain(text);
    expect(stderr).toMatch(/^hint: /m);
    expect({ code, stdout }).toEqual({ code: exit, stdout: '' });
    expect(server.lines).toEqual([]);
  });

  const INJECTIONS = ['\r\nRCPT TO:<c@example.org>', '\n.\n', '\r', '\u0000', '\u007f'] as const;
  const GOOD: Readonly<Record<string, string>> = {
    '--dsn': 'never',
    '--dsn-return': 'full',
    '--envid': 'x',
    '--deliver-by': '2h',
    '--mt-priority': '1',
    '--hold-for': '1h',
    '--hold-until': '2099-01-01T00:00:00Z',
    '--auth-sender': 'a@example.org',
  };
  // No program can be given a NUL in an argument.
  const cases = Object.entries(GOOD).flatMap(([flag, value]) =>
    INJECTIONS.filter((each) => each !== '\0').flatMap((injected) => [
      [flag, `${value}${injected}`],
      [flag, `${injected}${value}`],
    ]),
  );
  it.each(cases)('%s %j is refused, not cleaned', async (flag, value) => {
    await using server = await smtpServer({ EHLO });
    const { code, stderr } = await send(server, [flag as string, value as string]);
    expect([64, 65]).toContain(code);
    expect(stderr).not.toMatch(/[\r\u007f]/);
    expect(server.lines).toEqual([]);
  });

  it('is found by --dry-run, too', async () => {
    const { code, stdout } = await mailtool([
      ...['send', '-n', '-t', 'b@example.org', '-f', 'a@example.org', '-m', 'x', '--dsn', 'perhaps'],
    ]);
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
  });
});

describe('--require-tls', () => {
  it.each([
    ['250-mx.example.org\r\n250 REQUIRETLS\r\n', 0, ['MAIL FROM:<a@example.org> REQUIRETLS']],
    ['250 mx.example.org\r\n', 69, []],
  ])('goes with MAIL over TLS: EHLO %j, exit %i', async (ehlo, exit, mail) => {
    const certificate = await certificateFor();
    const ca = join(dir, 'ca.pem');
    writeFileSync(ca, certificate.cert);
    await using server = await smtpServer({ EHLO: ehlo }, undefined, certificate);
    const { code, stderr } = await send(server, ['--require-tls', '--smtp-tls', 'implicit', '--tls-ca', ca]);
    expect({ code, stderr }).toEqual({
      code: exit,
      stderr:
        exit === 0 ? '' : expect.stringContaining('TLS all the way was asked for, which the server does not'),
    });
    expect(server.lines.filter((line) => line.startsWith('MAIL'))).toEqual(mail);
  });

  it.each([[['--smtp-tls', 'none']], [['--smtp-tls', 'starttls', '--tls-insecure']]])(
    'is refused with %j, which breaks it at the first step (RFC 8689 4.1)',
    async (args) => {
      await using server = await smtpServer({ EHLO });
      const { code, stderr } = await send(server, ['--require-tls', ...args]);
      expect(code).toBe(64);
      expect(stderr).toContain('--require-tls');
      expect(server.lines).toEqual([]);
    },
  );
});

it('stands in the help under a heading of its own', async () => {
  const { stdout } = await mailtool(['send', '--help']);
  const group = /^Delivery:\n((?: .*\n)+)/m.exec(stdout)?.[1] ?? '';
  expect([...group.matchAll(/^ {2}(--[a-z-]+)/gm)].map(([, flag]) => flag)).toEqual([
    ...['--dsn', '--dsn-return', '--envid', '--require-tls', '--deliver-by', '--mt-priority'],
    ...['--hold-for', '--hold-until', '--auth-sender'],
  ]);
});
