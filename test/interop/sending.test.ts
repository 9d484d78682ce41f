import { randomBytes, randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { json, mailtool, smtpLogin, smtpOpen, workspace } from './command.ts';
import { headerValues, pythonReads, receive, sha256 } from './maildrop.ts';
import { account, describeInterop, type Interop } from './servers.ts';

const SUBJECT = '季度报告：第三季度的数字与说明，附件里有全部的表格，请在星期五之前查收并回复确认';
const TEXT = 'Grüße aus 東京\n.\n..zwei Punkte\nFrom here on it is plain.\n\nlast line without an end';
const BIG = randomBytes(5 * 1024 * 1024);
const TABLE = Buffer.from('a;b\r\n1;2\r\n', 'latin1');
const files = workspace();
const big = join(files.path, 'Отчёт 报告 "final" 2026.bin');
const table = join(files.path, 'table.csv');

beforeAll(() => {
  writeFileSync(big, BIG);
  writeFileSync(table, TABLE);
});
afterAll(() => files.remove());

/** Sends the whole letter to three people and reads each one's copy back. */
async function sendAndRead(
  servers: Interop,
  env: Record<string, string>,
  mechanism: string | null,
): Promise<void> {
  const marker = randomUUID();
  const [alice, bob, carol] = ['alice', 'bob', 'carol'].map((name) => account(servers, name));
  if (alice === undefined || bob === undefined || carol === undefined)
    throw new Error('three users are needed');
  const outcome = await mailtool(
    [
      ...['send', '--json', '-s', SUBJECT, '-H', `X-Marker: ${marker}`, '--reply-to', 'desk@mail.test'],
      ...['-t', `"Doe, Alice" <${alice.address}>`, '-c', `Bob Größe <${bob.address}>`, '-b', carol.address],
      ...['-A', big, '-A', table],
    ],
    { env, stdin: TEXT },
  );
  expect(outcome.stderr).toBe('');
  expect(outcome.status).toBe(0);
  const result = json(outcome);
  const everybody = [alice.address, bob.address, carol.address];
  expect(result).toMatchObject({
    ok: true,
    status: 'sent',
    envelope: { from: 'sender@mail.test', to: everybody },
    rejected: [],
    error: null,
    tls: mechanism === null ? null : { verified: true },
  });
  expect((result['accepted'] as { address: string }[]).map((each) => each.address)).toEqual(everybody);
  expect(result['response']).toMatch(/queued as/);
  if (mechanism !== null) expect(String(result['auth']).toUpperCase()).toBe(mechanism);

  for (const user of [alice, bob, carol]) {
    const { raw } = await receive(servers, user, marker);
    const message = await pythonReads(raw);
    expect(message.defects).toEqual([]);
    expect(headerValues(message, 'Subject')).toEqual([SUBJECT]);
    expect(headerValues(message, 'From')).toEqual(['The Sender <sender@mail.test>']);
    expect(headerValues(message, 'To')).toEqual([`"Doe, Alice" <${alice.address}>`]);
    expect(headerValues(message, 'Cc')).toEqual([`Bob Größe <${bob.address}>`]);
    expect(headerValues(message, 'Reply-To')).toEqual(['desk@mail.test']);
    expect(headerValues(message, 'Message-ID')).toEqual([result['messageId']]);
    expect(headerValues(message, 'Date')).toHaveLength(1);
    expect(message.headers.map((field) => field.name.toLowerCase())).not.toContain('bcc');
    if (user !== carol) expect(raw.includes(carol.address)).toBe(false);

    expect(
      message.parts.map(({ type, disposition, filename, size }) => ({ type, disposition, filename, size })),
    ).toEqual([
      {
        type: 'text/plain',
        disposition: message.parts[0]?.disposition ?? null,
        filename: null,
        size: expect.any(Number),
      },
      {
        type: 'application/octet-stream',
        disposition: 'attachment',
        filename: 'Отчёт 报告 "final" 2026.bin',
        size: BIG.length,
      },
      { type: 'text/csv', disposition: 'attachment', filename: 'table.csv', size: TABLE.length },
    ]);
    expect(message.parts[0]?.text?.replaceAll('\r\n', '\n').replace(/\n$/, '')).toBe(TEXT);
    expect(message.parts.slice(1).map((part) => part.sha256)).toEqual([sha256(BIG), sha256(TABLE)]);
    const longest = Math.max(
      ...raw
        .toString('latin1')
        .split('\r\n')
        .map((line) => line.length),
    );
    expect(longest).toBeLessThanOrEqual(998);
  }
}

describeInterop('send through Postfix', (servers) => {
  it.each(['PLAIN', 'LOGIN', 'CRAM-MD5'])('with STARTTLS and %s', async (mechanism) => {
    const user = account(servers, 'alice');
    const env = smtpLogin(servers, {
      user,
      port: servers.smtp.starttls,
      tls: 'starttls',
      mechanism: mechanism.toLowerCase(),
    });
    await sendAndRead(servers, env, mechanism);
  });

  it('with implicit TLS', async () => {
    const env = smtpLogin(servers, {
      user: account(servers, 'bob'),
      port: servers.smtp.implicit,
      tls: 'implicit',
      mechanism: 'plain',
    });
    await sendAndRead(servers, env, 'PLAIN');
  });

  it('with the only mechanism there is, without being told', async () => {
    const env = smtpLogin(servers, {
      user: account(servers, 'carol'),
      port: servers.smtp.cramOnly,
      tls: 'starttls',
    });
    await sendAndRead(servers, env, 'CRAM-MD5');
  });

  it.each(['plain', 'sevenBit', 'bare'] as const)(
    'without TLS or login, to a server of the %s kind',
    async (kind) => {
      await sendAndRead(servers, smtpOpen(servers, servers.smtp[kind]), null);
    },
  );

  it('takes settings from flags, and the password from a file', async () => {
    const user = account(servers, 'alice');
    const marker = randomUUID();
    const secret = join(files.path, 'password');
    writeFileSync(secret, `${user.password}\n`, { mode: 0o600 });
    const outcome = await mailtool([
      ...['send', '-f', 'sender@mail.test', '-t', 'dave@mail.test', '-s', marker, '-m', 'by flags'],
      ...[
        '--smtp-host',
        `localhost:${servers.smtp.starttls}`,
        '--smtp-tls',
        'starttls',
        '--tls-ca',
        servers.tls.ca,
      ],
      ...['--smtp-user', user.user, '--smtp-password-file', secret],
    ]);
    expect(outcome.stderr).toBe('');
    expect(outcome.status).toBe(0);
    expect(outcome.stdout.length).toBe(0);
    await receive(servers, account(servers, 'dave'), marker);
  });

  it('HTML with its text beside it, priority and a free header', async () => {
    const marker = randomUUID();
    const outcome = await mailtool(
      [
        ...[
          'send',
          '-t',
          'dave@mail.test',
          '-s',
          marker,
          '--html',
          '<p>Größe <b>ß</b></p>',
          '-m',
          'Größe ß',
          '--priority',
          'high',
        ],
        ...['-H', 'X-Long: 長い見出しの値がここに入りますが、それは一行には収まりきらないほど長いのです'],
      ],
      { env: smtpOpen(servers, servers.smtp.plain) },
    );
    expect(outcome.stderr).toBe('');
    expect(outcome.status).toBe(0);
    const message = await pythonReads((await receive(servers, account(servers, 'dave'), marker)).raw);
    expect(message.defects).toEqual([]);
    expect(message.parts.map((part) => [part.type, part.text?.trim()])).toEqual([
      ['text/plain', 'Größe ß'],
      ['text/html', '<p>Größe <b>ß</b></p>'],
    ]);
    expect(headerValues(message, 'X-Priority')[0]).toMatch(/^1/);
    expect(headerValues(message, 'X-Long')).toEqual([
      '長い見出しの値がここに入りますが、それは一行には収まりきらないほど長いのです',
    ]);
  });

  it('a finished message as it is, without its Bcc', async () => {
    const marker = randomUUID();
    const raw = [
      'From: sender@mail.test',
      `To: ${account(servers, 'dave').address}`,
      `Bcc: Erin <${account(servers, 'erin').address}>,`,
      '  sven@mail.test',
      `Subject: ${marker}`,
      'X-Odd:  two  spaces ',
      '',
      '.',
      '..',
      '.a line',
      '',
    ].join('\n');
    const outcome = await mailtool(['send', '--raw', '-'], {
      env: smtpOpen(servers, servers.smtp.plain),
      stdin: raw,
    });
    expect(outcome.stderr).toBe('');
    expect(outcome.status).toBe(0);
    for (const name of ['dave', 'erin', 'sven']) {
      const entry = await receive(servers, account(servers, name), marker);
      const text = entry.raw.toString('latin1');
      expect(text).not.toMatch(/^bcc:/im);
      expect(text).toContain('X-Odd:  two  spaces \r\n');
      expect(text.slice(text.indexOf('\r\n\r\n') + 4)).toBe('.\r\n..\r\n.a line\r\n');
      if (name === 'dave') expect(text).not.toContain('erin@');
    }
  });
});
