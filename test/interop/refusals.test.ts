import { randomUUID, X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { eventually } from '../eventually.ts';
import {
  json,
  type Login,
  mailtool,
  type Outcome,
  pop3Login,
  smtpLogin,
  smtpOpen,
  workspace,
} from './command.ts';
import { countDelivered, receive } from './maildrop.ts';
import { account, describeInterop } from './servers.ts';

/** One line that says what happened, with a hint where one is promised. */
function expectExplained(outcome: Outcome, hint = true): void {
  const lines = outcome.stderr.trimEnd().split('\n');
  expect(lines.filter((line) => line.startsWith('mailtool: error: '))).toHaveLength(1);
  if (hint) expect(lines.filter((line) => line.startsWith('hint: '))).toHaveLength(1);
  expect(outcome.stderr).not.toMatch(/^\s+at /m);
}

describeInterop('refused', (servers) => {
  const open = smtpOpen(servers, servers.smtp.plain);
  const ivan = account(servers, 'ivan');
  const judy = account(servers, 'judy');
  const message = (marker: string, ...to: string[]): string[] => [
    'send',
    '-s',
    marker,
    '-m',
    marker,
    ...to.flatMap((each) => ['-t', each]),
  ];

  describe('recipients', () => {
    it('one of three: the others get it, 67, status partial', async () => {
      const marker = randomUUID();
      const outcome = await mailtool(
        [...message(marker, ivan.address, servers.unknown, judy.address), '--json'],
        { env: open },
      );
      expect(outcome.status).toBe(67);
      expect(json(outcome)).toMatchObject({
        ok: false,
        status: 'partial',
        accepted: [{ address: ivan.address }, { address: judy.address }],
        rejected: [{ address: servers.unknown, reply: { code: 550, enhanced: '5.1.1' } }],
      });
      await receive(servers, ivan, marker);
      await receive(servers, judy, marker);
    });

    it('one of three, in text: the refused one is named with the reason', async () => {
      const outcome = await mailtool(message(randomUUID(), ivan.address, servers.unknown, judy.address), {
        env: open,
      });
      expect(outcome.status).toBe(67);
      expect(outcome.stdout.length).toBe(0);
      expect(outcome.stderr).toContain(servers.unknown);
      expect(outcome.stderr).toContain('User unknown');
    });

    describe('three of twenty', () => {
      const willing = servers.crowd.slice(0, 17);
      const refused = ['first', 'second', 'third'].map((name) => `${name}-${servers.unknown}`);
      // One amid the first, one amid the others, one at the end.
      const twenty = [...willing];
      for (const [which, at] of [2, 11, 19].entries()) twenty.splice(at, 0, refused[which] ?? '');

      it('in JSON: exactly those, each with its reply; everybody else has theirs', async () => {
        expect(twenty).toHaveLength(20);
        const marker = randomUUID();
        const outcome = await mailtool([...message(marker, ...twenty), '--json'], { env: open });
        expect(outcome.status).toBe(67);
        const result = json(outcome) as {
          accepted: { address: string }[];
          rejected: { address: string; reply: { code: number; text: string } }[];
        };
        expect(result).toMatchObject({ ok: false, status: 'partial' });
        expect(result.accepted.map(({ address }) => address)).toEqual(willing);
        expect(result.rejected.map(({ address }) => address)).toEqual(refused);
        for (const { address, reply } of result.rejected) {
          expect(reply).toMatchObject({ code: 550, enhanced: '5.1.1' });
          expect(reply.text).toContain(`<${address}>`);
        }
        await eventually(() => expect(countDelivered(servers, ivan, marker)).toBe(willing.length));
      });

      it('in text: exactly those are named, each with its reason', async () => {
        const outcome = await mailtool(message(randomUUID(), ...twenty), { env: open });
        expect(outcome.status).toBe(67);
        expect(outcome.stdout.toString('utf8')).toBe('');
        const lines = outcome.stderr.split('\n');
        for (const address of refused) {
          expect(lines.filter((line) => line.includes(address))).toEqual([
            expect.stringMatching(/550 5\.1\.1 .*User unknown/),
          ]);
        }
        for (const address of willing) expect(outcome.stderr).not.toContain(address);
      });
    });

    it('one of three with --require-all: nobody gets it', async () => {
      const marker = randomUUID();
      const outcome = await mailtool(
        [...message(marker, ivan.address, servers.unknown), '--require-all', '--json'],
        { env: open },
      );
      expect(outcome.status).toBe(67);
      expect(json(outcome)).toMatchObject({ ok: false, status: 'failed' });
      const after = randomUUID();
      expect((await mailtool(message(after, ivan.address), { env: open })).status).toBe(0);
      await receive(servers, ivan, after);
      expect(countDelivered(servers, ivan, marker)).toBe(0);
    });

    it('all: 67', async () => {
      const outcome = await mailtool(
        [...message('x', servers.unknown, `also-${servers.unknown}`), '--json'],
        { env: open },
      );
      expect(outcome.status).toBe(67);
      const result = json(outcome);
      expect(result).toMatchObject({
        ok: false,
        status: 'failed',
        accepted: [],
        error: { exit: 67, stage: 'rcpt' },
      });
      expect(result['rejected']).toHaveLength(2);
    });

    it('all, for now only: 75', async () => {
      const outcome = await mailtool([...message('x', servers.deferred), '--json'], { env: open });
      expect(outcome.status).toBe(75);
      expect(json(outcome)).toMatchObject({ ok: false, error: { exit: 75, retryable: true } });
    });
  });

  describe('certificates', () => {
    const user = account(servers, 'alice');
    const send = (login: Omit<Login, 'user'>): [string[], Record<string, string>] => [
      message('x', ivan.address),
      smtpLogin(servers, { user, ...login }),
    ];
    const stat = (login: Omit<Login, 'user'>): [string[], Record<string, string>] => [
      ['stat'],
      pop3Login(servers, { user, ...login }),
    ];
    const elsewhere = servers.pop3.untrustedHost;
    const cases: Record<string, [string[], Record<string, string>]> = {
      'SMTP STARTTLS, unknown authority': send({ port: servers.smtp.untrusted, tls: 'starttls' }),
      'SMTP implicit TLS, unknown authority': send({ port: servers.smtp.untrustedImplicit, tls: 'implicit' }),
      'SMTP STARTTLS, another name': send({ port: servers.smtp.wrongName, tls: 'starttls' }),
      'POP3 STLS, unknown authority': stat({ port: servers.pop3.stls, tls: 'starttls', host: elsewhere }),
      'POP3 implicit TLS, unknown authority': stat({
        port: servers.pop3.implicit,
        tls: 'implicit',
        host: elsewhere,
      }),
    };

    it.each(Object.entries(cases))('%s: 76, and nobody logs in', async (_, [args, env]) => {
      const outcome = await mailtool([...args, '-vv'], { env });
      expect(outcome.status).toBe(76);
      expectExplained(outcome);
      expect(outcome.stderr).toMatch(/certificate/i);
      expect(outcome.stderr).not.toMatch(/C: (AUTH|USER|APOP|MAIL)/);
      const structured = json(await mailtool([...args, '--json'], { env }));
      expect(structured).toMatchObject({ ok: false, error: { code: 'ECERT', exit: 76, stage: 'tls' } });
    });

    it('names both names when they differ', async () => {
      const [args, env] = send({ port: servers.smtp.wrongName, tls: 'starttls' });
      const { stderr } = await mailtool(args, { env });
      expect(stderr).toContain('other.example');
      expect(stderr).toContain(servers.host);
    });

    it('goes on with the built-in authorities only when told, or when the fingerprint is the expected one', async () => {
      const [args, env] = send({ port: servers.smtp.untrusted, tls: 'starttls' });
      expect((await mailtool([...args, '--tls-insecure'], { env })).status).toBe(0);
      const fingerprint = new X509Certificate(readFileSync(servers.tls.untrusted.cert)).fingerprint256;
      expect((await mailtool([...args, '--tls-fingerprint', fingerprint], { env })).status).toBe(0);
      const other = new X509Certificate(readFileSync(servers.tls.server.cert)).fingerprint256;
      expect((await mailtool([...args, '--tls-fingerprint', other], { env })).status).toBe(76);
      const { MAILTOOL_TLS_CA: _, ...withoutCa } = smtpLogin(servers, {
        user,
        port: servers.smtp.starttls,
        tls: 'starttls',
      });
      expect((await mailtool(args, { env: withoutCa })).status).toBe(76);
    });
  });

  describe('the wrong kind of port', () => {
    const user = account(servers, 'alice');

    it.each([
      [
        'SMTP',
        message('x', ivan.address),
        smtpLogin(servers, { user, port: servers.smtp.starttls, tls: 'implicit' }),
      ],
      ['POP3', ['stat'], pop3Login(servers, { user, port: servers.pop3.stls, tls: 'implicit' })],
    ])('TLS spoken to a plaintext port, %s: 76', async (_, args, env) => {
      const outcome = await mailtool(args, { env });
      expect(outcome.status).toBe(76);
      expectExplained(outcome);
      expect(outcome.stderr).toMatch(/starttls/i);
    });

    // Such a server says nothing until it is spoken to in TLS, so all that can be seen is silence.
    it.each([
      [
        'SMTP',
        message('x', ivan.address),
        smtpLogin(servers, { user, port: servers.smtp.implicit, tls: 'starttls' }),
      ],
      ['POP3', ['stat'], pop3Login(servers, { user, port: servers.pop3.implicit, tls: 'starttls' })],
    ])('plaintext spoken to a TLS port, %s: ends in its time, with a hint at TLS', async (_, args, env) => {
      const outcome = await mailtool([...args, '--timeout', '2s'], { env });
      expect([75, 76]).toContain(outcome.status);
      expectExplained(outcome);
      expect(outcome.stderr).toMatch(/implicit/i);
    });

    it('STARTTLS wanted where there is none: 76, and no message', async () => {
      const env = { ...open, MAILTOOL_SMTP_TLS: 'starttls' };
      const outcome = await mailtool([...message('x', ivan.address), '-vv'], { env });
      expect(outcome.status).toBe(76);
      expectExplained(outcome);
      expect(outcome.stderr).not.toMatch(/C: MAIL/);
    });

    it('nothing listens: 75', async () => {
      const outcome = await mailtool(message('x', ivan.address), {
        env: smtpOpen(servers, servers.closedPort),
      });
      expect(outcome.status).toBe(75);
      expectExplained(outcome);
      expect(outcome.stderr).toContain(String(servers.closedPort));
    });
  });

  describe('the size', () => {
    it.each(['small', 'smallSilent'] as const)('is over what the %s server takes: 69', async (kind) => {
      const files = workspace();
      try {
        const path = join(files.path, 'large.bin');
        writeFileSync(path, Buffer.alloc(400_000));
        const outcome = await mailtool([...message('x', ivan.address), '-A', path, '--json'], {
          env: smtpOpen(servers, servers.smtp[kind]),
        });
        expect(outcome.status).toBe(69);
        expect(json(outcome)).toMatchObject({
          ok: false,
          status: 'failed',
          error: { exit: 69, retryable: false },
        });
        expect(outcome.stderr).not.toMatch(/EPIPE|ECONNRESET/);
        if (kind === 'small') expect(json(outcome)).toMatchObject({ error: { code: 'ESIZE' } });
      } finally {
        files.remove();
      }
    });
  });
});
