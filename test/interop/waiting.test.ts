import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { json, mailtool, type Outcome, pop3Login, smtpOpen, workspace } from './command.ts';
import { delivered, empty, poplib } from './maildrop.ts';
import { account, describeInterop } from './servers.ts';

const TEXT = 'Your code is 482913.\n\n::set-output name=x::y\n\nConfirm: https://x.example/c?t=a&u=b\n';
const HTML =
  '<p>Your code: <b>482 913</b></p><p><a href="https://t.example/u/1">Unsubscribe</a> ' +
  '<a href="https://x.example/c?t=abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz&amp;u=b">Confirm</a></p>';

describeInterop('wait at Dovecot for what Postfix delivers', (servers) => {
  const user = account(servers, 'mona');
  const env = pop3Login(servers, { user, port: servers.pop3.implicit, tls: 'implicit' });
  const send = async (subject: string, args: readonly string[] = ['-m', TEXT]) => {
    const marker = randomUUID();
    const { status, stderr } = await mailtool(
      ['send', '-t', user.address, '-s', subject, '-H', `X-Marker: ${marker}`, ...args],
      { env: smtpOpen(servers, servers.smtp.plain) },
    );
    if (status !== 0) throw new Error(stderr);
    await delivered(servers, user, marker);
  };
  /** Waits, and sends once the wait has noted what is there. */
  const waited = async (args: readonly string[], sending: () => Promise<void>): Promise<Outcome> => {
    let sent: Promise<void> | undefined;
    const outcome = await mailtool(['wait', '-v', '--interval', '1s', '--timeout', '60s', ...args], {
      env,
      onStderr: (text) => {
        if (text.includes('are there already')) sent ??= sending();
      },
    });
    await sent;
    return outcome;
  };

  beforeEach(() => empty(servers, user));

  it.each([
    ['text', `${TEXT}`],
    ['subject', 'Bestätigen Sie\n'],
    ['link', 'https://x.example/c?t=a&u=b\n'],
    ['code', '482913\n'],
  ])('--print %s', async (print, expected) => {
    await send('Bestätigen Sie'); // what was there before does not count
    const { status, stdout } = await waited(['--subject', 'Bestätigen', '--print', print], async () => {
      await send('something else');
      await send('Bestätigen Sie');
    });
    expect({ status, stdout: stdout.toString() }).toEqual({ status: 0, stdout: expected });
    expect(await poplib(servers, user)).toHaveLength(3);
  });

  it('--print uid, json and raw, and --save, are what poplib sees', async () => {
    const home = workspace();
    const file = join(home.path, 'it.eml');
    const subject = `kinds ${randomUUID()}`;
    const uid = await waited(['--subject', subject, '--print', 'uid', '--save', file], () => send(subject));
    const [there] = await poplib(servers, user);
    expect(uid.stdout.toString()).toBe(`${there?.uid}\n`);
    expect(readFileSync(file)).toEqual(there?.raw);
    home.remove();
    const print = (kind: string) =>
      mailtool(['wait', '--existing', '--subject', subject, '--print', kind], { env });
    expect((await print('raw')).stdout).toEqual(there?.raw);
    expect(json(await print('json'))).toMatchObject({ uid: there?.uid, subject, textSource: 'plain' });
  });

  it('a link and a code of HTML alone, as Postfix passes it on', async () => {
    const outcome = await waited(['--from', 'sender@', '--json', '--link', 'confirm'], () =>
      send('HTML', ['--html', HTML]),
    );
    expect(outcome.status).toBe(0);
    expect(json(outcome)).toMatchObject({
      ok: true,
      link: 'https://x.example/c?t=abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz&u=b',
      code: '482913',
      matched: [{ subject: 'HTML' }],
    });
  });

  it('-N 2 --delete: two of three, and they alone are gone', async () => {
    const { status, stdout } = await waited(
      ['-N', '2', '--subject', 'wanted', '--print', 'subject', '--delete'],
      async () => {
        await send('wanted 1');
        await send('other');
        await send('wanted 2');
      },
    );
    expect({ status, stdout: stdout.toString() }).toEqual({ status: 0, stdout: 'wanted 1\nwanted 2\n' });
    const left = await poplib(servers, user);
    expect(left.map(({ raw }) => /^Subject: (.*)\r$/m.exec(raw.toString())?.[1])).toEqual(['other']);
  });

  it('a snapshot before, though the mail is there before the wait begins', async () => {
    await send('code', ['-m', '111111']);
    const home = workspace();
    const file = join(home.path, 'before');
    expect((await mailtool(['wait', '--snapshot', file], { env })).status).toBe(0);
    await send('code', ['-m', '222222']);
    const outcome = await mailtool(
      ['wait', '--since-snapshot', file, '--subject', 'code', '--print', 'code'],
      {
        env,
      },
    );
    home.remove();
    expect(outcome).toMatchObject({ status: 0, stderr: '' });
    expect(outcome.stdout.toString()).toBe('222222\n');
  });

  describe('nothing comes', () => {
    it('in time: 1, and one line', async () => {
      const { status, stdout, stderr } = await mailtool(['wait', '--timeout', '2s'], { env });
      expect({ status, stdout: stdout.toString() }).toEqual({ status: 1, stdout: '' });
      expect(stderr).toMatch(/^mailtool: no message came within 2s \(looked \d+ times?\)\n$/);
    });

    it('--none: 0 at the end; 1 as soon as something comes', async () => {
      const none = ['wait', '--none', '--subject', 'unwanted', '--timeout', '2s'];
      await send('unwanted');
      expect(await mailtool(none, { env })).toMatchObject({ status: 0, stderr: '' });
      const came = await waited(['--none', '--subject', 'unwanted'], () => send('unwanted'));
      expect(came.status).toBe(1);
    });
  });

  it('two waits for one message on one maildrop', async () => {
    const subject = `shared ${randomUUID()}`;
    const args = ['wait', '--existing', '--subject', subject, '--print', 'code', '--interval', '1s'];
    const both = [1, 2].map(() => mailtool(args, { env }));
    await send(subject);
    for (const { status, stdout } of await Promise.all(both)) {
      expect({ status, stdout: stdout.toString() }).toEqual({ status: 0, stdout: '482913\n' });
    }
  });

  describe('send --confirm', () => {
    const both = { ...env, ...smtpOpen(servers, servers.smtp.plain) };
    const confirm = (to: string, args: readonly string[]) =>
      mailtool(['send', '--json', '-t', to, '-s', 'probe', '-m', 'x', '--confirm', ...args], { env: both });

    it('tells how long the way through Postfix into Dovecot takes; --confirm-delete leaves nothing', async () => {
      const kept = await confirm(user.address, []);
      const [there] = await poplib(servers, user);
      expect(kept.status).toBe(0);
      expect(json(kept)).toMatchObject({
        ok: true,
        status: 'sent',
        confirmed: { delayMs: expect.any(Number), uid: there?.uid },
      });
      await empty(servers, user);
      expect((await confirm(user.address, ['--confirm-delete'])).status).toBe(0);
      expect(await poplib(servers, user)).toEqual([]);
    });

    it('what goes to another maildrop does not come: 1, and it was sent', async () => {
      const outcome = await confirm(account(servers, 'bob').address, ['--confirm-timeout', '2s']);
      expect(outcome.status).toBe(1);
      expect(outcome.stderr).toContain('the message was sent, and has not come to the maildrop within 2s');
      expect(json(outcome)).toMatchObject({ ok: false, status: 'sent', confirmed: null, error: null });
    });

    it.each([
      ['a wrong password', { MAILTOOL_POP3_PASSWORD: 'wrong' }, 77],
      ['a closed port', { MAILTOOL_POP3_PORT: String(servers.closedPort) }, 75],
      ['a certificate of somebody', { MAILTOOL_POP3_HOST: servers.pop3.untrustedHost }, 76],
      ['no server', { MAILTOOL_POP3_HOST: '' }, 78],
    ])('%s: nothing is sent', async (_, wrong, status) => {
      const subject = randomUUID();
      const outcome = await mailtool(['send', '-t', user.address, '-s', subject, '-m', 'x', '--confirm'], {
        env: { ...both, ...wrong },
      });
      expect(outcome.status).toBe(status);
      expect(outcome.stderr).toContain('--confirm: ');
      const found = await mailtool(['wait', '--existing', '--subject', subject, '--timeout', '1s'], { env });
      expect(found.status).toBe(1);
    });
  });

  it.each([
    ['a wrong password', { MAILTOOL_POP3_PASSWORD: 'wrong' }, 77],
    ['a certificate of somebody', { MAILTOOL_POP3_HOST: servers.pop3.untrustedHost }, 76],
    ['TLS at the port for STLS', { MAILTOOL_POP3_PORT: String(servers.pop3.stls) }, 76],
    ['the port of Postfix', { MAILTOOL_POP3_PORT: String(servers.smtp.implicit) }, 76],
    ['nothing at the port', { MAILTOOL_POP3_PORT: String(servers.closedPort) }, 75],
  ])('%s is told long before the end', async (_, wrong, status) => {
    const outcome = await mailtool(['wait', '--timeout', '10m'], { env: { ...env, ...wrong } });
    expect(outcome.status).toBe(status);
    expect(outcome.stderr).toMatch(/^mailtool: error: /);
  });
});
