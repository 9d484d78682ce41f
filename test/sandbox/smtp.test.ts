import { createHmac } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Sandbox, type SandboxOptions, startSandbox } from '../../src/sandbox/index.ts';
import { eventually } from '../eventually.ts';
import { RawClient } from './raw-client.ts';

const USER = 'u';
const PASSWORD = 'p w\u00f6rd';

let directory: string;
let sandbox: Sandbox;
const clients: RawClient[] = [];
const base64 = (text: string): string => Buffer.from(text).toString('base64');

async function start(options: SandboxOptions = {}): Promise<void> {
  sandbox = await startSandbox({ username: USER, password: PASSWORD, directory, ...options });
}

/** Connected, greeted, and the EHLO keywords read. */
async function open(): Promise<{ client: RawClient; keywords: string[] }> {
  const client = await RawClient.open(sandbox.smtp.port);
  clients.push(client);
  expect(await client.reply()).toEqual(['220 localhost ESMTP mailtool sandbox']);
  return { client, keywords: (await client.askReply('EHLO me')).map((line) => line.slice(4)) };
}

const code = async (reply: Promise<string[]>): Promise<string> => (await reply).at(-1)?.slice(0, 3) ?? '';

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'smtp-test-'));
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await sandbox?.close();
  await rm(directory, { recursive: true, force: true });
});

describe('the SMTP server', () => {
  it('says what it can do', async () => {
    await start({ tls: true, maxSize: 1000 });
    const { keywords } = await open();
    expect(keywords.slice(1)).toEqual(
      expect.arrayContaining(['PIPELINING', '8BITMIME', 'ENHANCEDSTATUSCODES', 'STARTTLS', 'SIZE 1000']),
    );
    expect(keywords).toContain('AUTH PLAIN LOGIN CRAM-MD5');
    await sandbox.close();
    await start();
    expect((await open()).keywords).not.toContain('STARTTLS');
  });

  it('stores exactly what came, unstuffed, with its envelope', async () => {
    await start();
    const { client } = await open();
    await client.askReply('MAIL FROM:<a@example.org>');
    await client.askReply('RCPT TO:<b@example.org>');
    await client.askReply('RCPT TO:<c@example.org>');
    expect(await code(client.askReply('DATA'))).toBe('354');
    expect(await code(client.askReply('A: 1\r\n\r\n..\r\n...two\r\n\xff\0\r\n.'))).toBe('250');
    const [message] = await sandbox.waitFor(1);
    expect(message).toMatchObject({
      reversePath: 'a@example.org',
      recipients: ['b@example.org', 'c@example.org'],
    });
    expect((await message?.read())?.toString('latin1')).toBe('A: 1\r\n\r\n.\r\n..two\r\n\xff\0\r\n');
    expect(message?.size).toBe(22);
    expect(await readdir(directory)).toEqual([`${message?.uniqueId}.eml`]);
  });

  it('answers a pipelined group in order (RFC 2920), also when it comes octet by octet', async () => {
    await start();
    const group =
      'MAIL FROM:<> BODY=8BITMIME\r\nRCPT TO:<b@example.org>\r\nRCPT TO:bad\r\nRCPT TO:<c@example.org>\r\nDATA\r\n';
    for (const way of ['send', 'drip'] as const) {
      const { client } = await open();
      await client[way](group);
      const replies = [
        await client.line(),
        await client.line(),
        await client.line(),
        await client.line(),
        await client.line(),
      ];
      expect(replies.map((line) => line.slice(0, 3))).toEqual(['250', '250', '501', '250', '354']);
      await client[way]('A: 1\r\n\r\n.\r\nMAIL FROM:<x@example.org>\r\nRSET\r\nQUIT\r\n');
      expect((await client.lines(4)).map((line) => line.slice(0, 3))).toEqual(['250', '250', '250', '221']);
      expect(await client.rest()).toBe('');
    }
    expect(sandbox.messages().map((m) => [m.reversePath, m.recipients.length, m.size])).toEqual([
      ['', 2, 8],
      ['', 2, 8],
    ]);
  });

  it('leaves nothing of a message that broke off', async () => {
    const events: string[] = [];
    await start({ onEvent: (event) => events.push(event.type) });
    const { client } = await open();
    client.send('MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n');
    await client.lines(3);
    client.send(`A: 1\r\n\r\n${'x'.repeat(70)}\r\n`.repeat(1000));
    await eventually(async () => expect(await readdir(directory)).toHaveLength(1));
    client.close();
    await eventually(() => expect(events).toContain('close'));
    await eventually(async () => expect(await readdir(directory)).toEqual([]));
    expect(sandbox.messages()).toEqual([]);
  });

  it('refuses what is too large, announced or not', async () => {
    await start({ maxSize: 1000 });
    const { client } = await open();
    expect(await code(client.askReply('MAIL FROM:<a@example.org> SIZE=1001'))).toBe('552');
    expect(await code(client.askReply('MAIL FROM:<a@example.org> SIZE=1000'))).toBe('250');
    await client.askReply('RCPT TO:<b@example.org>');
    await client.askReply('DATA');
    expect(await code(client.askReply(`${`${'x'.repeat(98)}\r\n`.repeat(11)}.`))).toBe('552');
    expect(sandbox.messages()).toEqual([]);
    expect(await readdir(directory)).toEqual([]);
  });

  it('needs a login only when told so', async () => {
    await start({ requireAuth: true });
    const { client } = await open();
    expect(await code(client.askReply('MAIL FROM:<a@example.org>'))).toBe('530');
    expect(await code(client.askReply(`AUTH PLAIN ${base64(`\0${USER}\0${PASSWORD}`)}`))).toBe('235');
    expect(await code(client.askReply('MAIL FROM:<a@example.org>'))).toBe('250');
  });

  it.each([
    ['PLAIN', `AUTH PLAIN ${base64(`\0${USER}\0${PASSWORD}`)}`, [], '235'],
    ['PLAIN in two steps', 'AUTH PLAIN', [base64(`${USER}\0${USER}\0${PASSWORD}`)], '235'],
    ['LOGIN', 'AUTH LOGIN', [base64(USER), base64(PASSWORD)], '235'],
    ['a wrong password in PLAIN', `AUTH PLAIN ${base64(`\0${USER}\0wrong`)}`, [], '535'],
    ['a wrong password in LOGIN', 'AUTH LOGIN', [base64(USER), base64('wrong')], '535'],
    ['a wrong user', `AUTH PLAIN ${base64(`\0x\0${PASSWORD}`)}`, [], '535'],
    ['somebody else', `AUTH PLAIN ${base64(`root\0${USER}\0${PASSWORD}`)}`, [], '535'],
    ['no user but an authorization identity', `AUTH PLAIN ${base64(`${USER}\0\0${PASSWORD}`)}`, [], '535'],
    ['a wrong digest', 'AUTH CRAM-MD5', [base64(`${USER} ${'0'.repeat(32)}`)], '535'],
    ['a mechanism that is not there', 'AUTH XOAUTH2', [], '504'],
  ])('judges %s', async (_name, command, steps, expected) => {
    await start();
    const { client } = await open();
    let reply = await client.askReply(command);
    for (const step of steps) {
      expect(reply[0]).toMatch(/^334/);
      reply = await client.askReply(step);
    }
    expect(reply[0]).toMatch(new RegExp(`^${expected}`));
  });

  it('takes CRAM-MD5', async () => {
    await start();
    const { client } = await open();
    const [challenge = ''] = await client.askReply('AUTH CRAM-MD5');
    const digest = createHmac('md5', PASSWORD)
      .update(Buffer.from(challenge.slice(4), 'base64'))
      .digest('hex');
    expect(await code(client.askReply(base64(`${USER} ${digest}`)))).toBe('235');
  });

  it('offers STARTTLS, and implicit TLS when asked for', async () => {
    await start({ tls: true });
    const ca = await readFile(sandbox.caFile ?? '', 'utf8');
    const { client } = await open();
    expect(await code(client.askReply('STARTTLS'))).toBe('220');
    await client.upgrade(ca);
    const keywords = (await client.askReply('EHLO me')).map((line) => line.slice(4));
    expect(keywords).not.toContain('STARTTLS');
    expect(await code(client.askReply(`AUTH PLAIN ${base64(`\0${USER}\0${PASSWORD}`)}`))).toBe('235');
    await sandbox.close();
    await start({ tls: 'implicit' });
    const second = await RawClient.openTls(sandbox.smtp.port, await readFile(sandbox.caFile ?? '', 'utf8'));
    clients.push(second);
    expect(await code(second.reply())).toBe('220');
    expect((await second.askReply('EHLO me')).join()).not.toContain('STARTTLS');
    expect(await code(second.askReply('QUIT'))).toBe('221');
  });
});
