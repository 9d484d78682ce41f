import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { json, mailtool, smtpOpen } from './command.ts';
import { type DropEntry, delivered, headerValues, poplib, pythonReads, receive } from './maildrop.ts';
import { account, describeInterop, type Interop, type InteropUser } from './servers.ts';

/** The delivery report that came to `user` about the message with this envelope id. */
async function reportTo(servers: Interop, user: InteropUser, envelopeId: string): Promise<DropEntry> {
  await delivered(servers, user, envelopeId);
  const report = (await poplib(servers, user)).find(({ raw }) => raw.includes(envelopeId));
  if (report === undefined) throw new Error(`poplib does not see the report of ${envelopeId}`);
  return report;
}

/** What Postfix has logged about a message, once a line has `text` in it. */
async function logOf(servers: Interop, queueId: unknown, text: string): Promise<string> {
  const end = performance.now() + 20_000;
  for (;;) {
    const lines = readFileSync(servers.logs.postfix, 'utf8').split('\n');
    const about = lines.filter((line) => line.includes(`: ${String(queueId)}: `)).join('\n');
    if (about.includes(text)) return about;
    if (performance.now() > end) throw new Error(`${text} is not in the log: ${about}`);
    await pause(50);
  }
}

describeInterop('delivery status notifications (RFC 3461) by Postfix', (servers) => {
  const sender = () => account(servers, 'kim');
  const send = (to: string, args: readonly string[]) =>
    mailtool(
      ['send', '--json', '-vv', '-f', sender().address, '-t', to, '-s', 'x', '-m', 'the text', ...args],
      {
        env: smtpOpen(servers, servers.smtp.plain),
      },
    );

  it('NOTIFY, ORCPT, ENVID and RET come back in the report', async () => {
    const envelopeId = `job 7+x=${randomUUID()}`;
    const bob = account(servers, 'bob');
    const outcome = await send(bob.address, [
      ...['--dsn', 'success,failure,delay', '--dsn-return', 'headers', '--envid', envelopeId],
    ]);
    expect(outcome.status).toBe(0);
    expect(outcome.stderr).toMatch(/C: RCPT TO:<\S+> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;/);
    const { queueId } = json(outcome);
    expect(await logOf(servers, queueId, 'sender delivery status notification')).toContain(
      `to=<${bob.address}>`,
    );
    const { raw } = await reportTo(servers, sender(), envelopeId);
    const report = raw.toString('utf8');
    expect(report).toMatch(/^Content-Type: multipart\/report; report-type=delivery-status/m);
    expect(report).toContain(`\r\nOriginal-Envelope-Id: ${envelopeId}\r\n`);
    expect(report).toContain(`\r\nOriginal-Recipient: rfc822;${bob.address}\r\n`);
    expect(report).toMatch(/^Action: delivered/m);
    expect(report).toMatch(/^Content-Type: text\/rfc822-headers/im);
    expect(report).not.toContain('the text');
  });

  it('an address that is not ASCII comes back as it was written (RFC 6533)', async () => {
    const envelopeId = randomUUID();
    const address = `jürgen@${servers.domain}`;
    const outcome = await send(address, ['--dsn', 'success', '--envid', envelopeId]);
    expect(outcome.status).toBe(0);
    const { raw } = await reportTo(servers, sender(), envelopeId);
    expect(raw.toString('utf8')).toContain(`\r\nOriginal-Recipient: utf-8;${address}\r\n`);
  });

  it('never is no report: Postfix removes the message without one', async () => {
    const bob = account(servers, 'bob');
    const outcome = await send(bob.address, ['--dsn', 'never', '--envid', randomUUID()]);
    expect(outcome.status).toBe(0);
    const log = await logOf(servers, json(outcome)['queueId'], ': removed');
    expect(log).toContain('status=sent');
    expect(log).not.toContain('delivery status notification');
  });

  it.each([
    [['--require-tls'], 'REQUIRETLS', 'starttls' as const],
    [['--deliver-by', '2h'], 'DELIVERBY', 'plain' as const],
    [['--mt-priority', '3'], 'MT-PRIORITY', 'plain' as const],
    [['--hold-for', '1h'], 'FUTURERELEASE', 'plain' as const],
    [['--auth-sender', '<>'], 'AUTH', 'plain' as const],
  ])('%j, which Postfix does not know, ends before MAIL: 69', async (args, keyword, listener) => {
    const { status, stderr } = await mailtool(
      [
        'send',
        '-vv',
        '-t',
        sender().address,
        '-m',
        'x',
        '--smtp-tls',
        listener === 'plain' ? 'none' : listener,
        ...args,
      ],
      { env: { ...smtpOpen(servers, servers.smtp[listener]), MAILTOOL_TLS_CA: servers.tls.ca } },
    );
    expect(status).toBe(69);
    expect(stderr).toContain(`which the server does not offer (${keyword})`);
    expect(stderr).not.toContain('C: MAIL');
  });

  it('is not offered: 69', async () => {
    const { status, stderr } = await mailtool(['send', '-t', sender().address, '-m', 'x', '--dsn', 'never'], {
      env: smtpOpen(servers, servers.smtp.bare),
    });
    expect(status).toBe(69);
    expect(stderr).toContain('which the server does not offer (DSN)');
  });
});

describeInterop('addresses of other scripts', (servers) => {
  const send = (port: number, to: string, marker: string) =>
    mailtool(
      ['send', '-vv', '-t', `Jürgen Größe <${to}>`, '-s', 'Grüße', '-m', 'x', '-H', `X-Marker: ${marker}`],
      {
        env: smtpOpen(servers, port),
      },
    );

  it.each([
    ['jürgen', servers.domain, 'jürgen', servers.domain, true],
    ['jürgen', servers.idnDomain, 'jürgen', servers.idnDomain, true],
    ['alice', servers.idnDomain, 'alice', 'xn--bcher-kva.test', false],
  ])('%s at %s is delivered', async (local, domain, wireLocal, wireDomain, utf8) => {
    const marker = randomUUID();
    const { status, stderr } = await send(servers.smtp.plain, `${local}@${domain}`, marker);
    expect(status).toBe(0);
    expect(/C: MAIL FROM:\S+ .*SMTPUTF8/.test(stderr)).toBe(utf8);
    expect(stderr).toContain(`C: RCPT TO:<${wireLocal}@${wireDomain}>`);
    const { raw } = await receive(servers, account(servers, local), marker);
    const message = await pythonReads(raw);
    expect(headerValues(message, 'Subject')).toEqual(['Grüße']);
    expect(raw.toString('utf8')).toContain(`<${wireLocal}@${wireDomain}>\r\n`);
  });

  it('needs SMTPUTF8 for a local part, 69 without, and not for a domain', async () => {
    const refused = await send(servers.smtp.sevenBit, `jürgen@${servers.domain}`, randomUUID());
    expect(refused.status).toBe(69);
    expect(refused.stderr).toContain('an address is not ASCII before its @');
    expect(refused.stderr).not.toContain('C: MAIL');
    const marker = randomUUID();
    expect((await send(servers.smtp.sevenBit, `alice@${servers.idnDomain}`, marker)).status).toBe(0);
    await delivered(servers, account(servers, 'alice'), marker);
  });
});
