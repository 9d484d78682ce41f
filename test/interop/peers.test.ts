import { randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mailtool, pop3Login, run, smtpLogin, workspace } from './command.ts';
import {
  type DropEntry,
  deliver,
  delivered,
  empty,
  headerValues,
  poplib,
  pythonReads,
  receive,
  sha256,
} from './maildrop.ts';
import { account, describeInterop } from './servers.ts';

describeInterop('beside other programs', (servers) => {
  const files = workspace();
  afterAll(() => files.remove());
  const sender = account(servers, 'bob');
  const kim = account(servers, 'kim');

  describe('what others send is retrieved as poplib retrieves it', () => {
    const blob = randomBytes(300_000);
    const attachment = join(files.path, 'blob.bin');
    const config = join(files.path, 'msmtprc');
    beforeAll(() => {
      writeFileSync(attachment, blob);
      writeFileSync(
        config,
        [
          `host ${servers.host}`,
          `port ${servers.smtp.starttls}`,
          'from peer@mail.test',
          'tls on',
          `tls_trust_file ${servers.tls.ca}`,
          'auth cram-md5',
          `user ${account(servers, 'alice').user}`,
          `passwordeval printf %s '${account(servers, 'alice').password}'`,
        ].join('\n'),
        { mode: 0o600 },
      );
    });

    const ways: Record<string, (subject: string) => [string, string[], string]> = {
      swaks: (subject) => [
        'swaks',
        [
          ...['--server', servers.host, '--port', String(servers.smtp.starttls), '-tls', '--auth', 'LOGIN'],
          ...['--auth-user', sender.user, '--auth-password', sender.password],
          ...[
            '--from',
            'peer@mail.test',
            '--to',
            kim.address,
            '--header',
            `Subject: ${subject}`,
            '--body',
            '.dots\n..\nend',
          ],
          ...['--attach', `@${attachment}`],
        ],
        '',
      ],
      curl: (subject) => [
        'curl',
        [
          ...['-sS', '--url', `smtps://${servers.host}:${servers.smtp.implicit}`, '--cacert', servers.tls.ca],
          ...[
            '--user',
            `${sender.user}:${sender.password}`,
            '--mail-from',
            'peer@mail.test',
            '--mail-rcpt',
            kim.address,
          ],
          ...['-T', '-'],
        ],
        `From: peer@mail.test\r\nSubject: ${subject}\r\n\r\n.dots\r\n..\r\nend\r\n`,
      ],
      msmtp: (subject) => [
        'msmtp',
        ['-C', config, kim.address],
        `From: peer@mail.test\nSubject: ${subject}\n\n.dots\n..\nend\n`,
      ],
    };

    it.each(Object.keys(ways))('%s', async (name) => {
      const subject = randomUUID();
      const way = ways[name];
      if (way === undefined) throw new Error(name);
      const [command, args, stdin] = way(subject);
      const sent = await run(command, args, { stdin, env: { HOME: files.path } });
      expect({
        status: sent.status,
        stderr: sent.status === 0 ? '' : sent.stderr + sent.stdout.toString(),
      }).toEqual({ status: 0, stderr: '' });
      const entry = await receive(servers, kim, subject);
      const env = pop3Login(servers, { user: kim, port: servers.pop3.stls, tls: 'starttls' });
      const outcome = await mailtool(['retr', `uid:${entry.uid}`], { env });
      expect(outcome.stderr).toBe('');
      expect(outcome.status).toBe(0);
      expect(sha256(outcome.stdout)).toBe(entry.sha256);
      const message = await pythonReads(outcome.stdout);
      expect(headerValues(message, 'Subject')).toEqual([subject]);
      expect(message.parts[0]?.text?.replaceAll('\r\n', '\n').trimEnd()).toBe('.dots\n..\nend');
      if (name === 'swaks') expect(message.parts[1]?.sha256).toBe(sha256(blob));
    });
  });

  describe('what mailtool sends and retrieves, others retrieve alike', () => {
    const user = account(servers, 'leo');
    let drop: DropEntry[] = [];
    const ours: Buffer[] = [];
    beforeAll(async () => {
      await empty(servers, user);
      const marker = randomUUID();
      const env = smtpLogin(servers, { user: sender, port: servers.smtp.starttls, tls: 'starttls' });
      const args = [
        'send',
        '-t',
        user.address,
        '-s',
        '标题',
        '-H',
        `X-Marker: ${marker}`,
        '-A',
        join(files.path, 'blob.bin'),
      ];
      writeFileSync(join(files.path, 'blob.bin'), randomBytes(100_000));
      expect((await mailtool(args, { env, stdin: '.\n..\nGrüße\n' })).status).toBe(0);
      await delivered(servers, user, marker);
      const second = randomUUID();
      await deliver(servers, user, Buffer.from(`Subject: ${second}\r\n\r\n.\r\n..x\r\n\r\n\r\n`));
      await delivered(servers, user, second);
      drop = await poplib(servers, user);
      for (const { uid } of drop) {
        const login = pop3Login(servers, { user, port: servers.pop3.implicit, tls: 'implicit' });
        ours.push((await mailtool(['retr', `uid:${uid}`], { env: login })).stdout);
      }
    }, 120_000);

    it('poplib', () => {
      expect(drop).toHaveLength(2);
      expect(ours.map(sha256)).toEqual(drop.map((entry) => entry.sha256));
    });

    it('curl', async () => {
      for (const [index, entry] of drop.entries()) {
        const got = await run('curl', [
          ...['-sS', '--cacert', servers.tls.ca, '--user', `${user.user}:${user.password}`],
          `pop3s://${servers.host}:${servers.pop3.implicit}/${entry.number}`,
        ]);
        expect(got.stderr).toBe('');
        expect(sha256(got.stdout)).toBe(sha256(ours[index] ?? Buffer.alloc(0)));
      }
    });

    it('mpop', async () => {
      const maildir = join(files.path, 'Maildir');
      for (const each of ['', 'tmp', 'new', 'cur']) mkdirSync(join(maildir, each));
      const got = await run(
        'mpop',
        [
          ...[
            `--host=${servers.host}`,
            `--port=${servers.pop3.stls}`,
            '--tls=on',
            '--tls-starttls=on',
            `--tls-trust-file=${servers.tls.ca}`,
          ],
          ...['--auth=cram-md5', `--user=${user.user}`, `--passwordeval=printf %s '${user.password}'`],
          ...['--keep=on', '--received-header=off', '--only-new=off', `--delivery=maildir,${maildir}`],
          `--uidls-file=${join(files.path, 'uidls')}`,
        ],
        { env: { HOME: files.path } },
      );
      expect({ status: got.status, stderr: got.stderr }).toEqual({ status: 0, stderr: '' });
      const theirs = readdirSync(join(maildir, 'new')).map((name) =>
        sha256(readFileSync(join(maildir, 'new', name))),
      );
      const lines = ours.map((bytes) =>
        sha256(Buffer.from(bytes.toString('latin1').replaceAll('\r\n', '\n'), 'latin1')),
      );
      expect(theirs.sort()).toEqual(lines.sort());
    });
  });
});
