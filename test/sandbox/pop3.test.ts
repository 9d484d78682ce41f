import { createHash, createHmac } from 'node:crypto';
import { mkdtemp, readFile, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Sandbox, type SandboxOptions, startSandbox } from '../../src/sandbox/index.ts';
import { eventually } from '../eventually.ts';
import { RawClient } from './raw-client.ts';

const USER = 'u';
const PASSWORD = 'p w\u00f6rd';
const WIRE_PASSWORD = Buffer.from(PASSWORD).toString('latin1');
const MESSAGES = ['A: 1\r\n\r\none\r\n', 'A: 2\r\n\r\n.\r\n.two\r\n..\r\n', 'A: 3\n\nthree'];

let directory: string;
let sandbox: Sandbox;
const clients: RawClient[] = [];

async function start(options: SandboxOptions = {}): Promise<void> {
  const preload = MESSAGES.map((_, index) => join(directory, `${index}.eml`));
  await Promise.all(MESSAGES.map((text, index) => writeFile(preload[index] ?? '', text)));
  sandbox = await startSandbox({ username: USER, password: PASSWORD, preload, ...options });
}

async function open(): Promise<RawClient> {
  const client = await RawClient.open(sandbox.pop3.port);
  clients.push(client);
  return client;
}

async function login(): Promise<RawClient> {
  const client = await open();
  expect(await client.line()).toMatch(/^\+OK/);
  expect(await client.ask(`USER ${USER}`)).toMatch(/^\+OK/);
  expect(await client.ask(`PASS ${WIRE_PASSWORD}`)).toMatch(/^\+OK maildrop has 3 messages/);
  return client;
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pop3-test-'));
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await sandbox?.close();
  await rm(directory, { recursive: true, force: true });
});

describe('the POP3 server: TRANSACTION', () => {
  beforeEach(() => start());

  it('states counts and sizes as the lines go out', async () => {
    const client = await login();
    expect(await client.ask('STAT')).toBe('+OK 3 49');
    expect(await client.askBlock('LIST')).toEqual([
      expect.stringMatching(/^\+OK/),
      '1 13',
      '2 21',
      '3 15',
      '.',
    ]);
    expect(await client.ask('LIST 2')).toBe('+OK 2 21');
    const ids = await client.askBlock('uidl');
    expect(ids.slice(1, 4)).toEqual(sandbox.messages().map((m, index) => `${index + 1} ${m.uniqueId}`));
    expect(await client.ask('UIDL 3')).toBe(`+OK 3 ${sandbox.messages()[2]?.uniqueId}`);
    expect(await client.ask('NOOP')).toBe('+OK');
  });

  it('gives messages dot-stuffed, with CRLF', async () => {
    const client = await login();
    expect(await client.askBlock('RETR 1')).toEqual(['+OK 13 octets', 'A: 1', '', 'one', '.']);
    client.send('RETR 2\r\n');
    expect(await client.lines(7)).toEqual(['+OK 21 octets', 'A: 2', '', '..', '..two', '...', '.']);
    expect(await client.askBlock('RETR 3')).toEqual(['+OK 15 octets', 'A: 3', '', 'three', '.']);
  });

  it('gives the top of messages', async () => {
    const client = await login();
    expect((await client.askBlock('TOP 2 0')).slice(1)).toEqual(['A: 2', '', '.']);
    client.send('TOP 2 1\r\n');
    expect((await client.lines(5)).slice(1)).toEqual(['A: 2', '', '..', '.']);
    expect(await client.ask('TOP 2')).toMatch(/^-ERR/);
    expect(await client.ask('TOP 2 -1')).toMatch(/^-ERR/);
    expect(await client.ask('TOP 2 x')).toMatch(/^-ERR/);
    expect(await client.ask('TOP 4 0')).toMatch(/^-ERR/);
  });

  it.each([
    'RETR 0',
    'RETR 4',
    'RETR -1',
    'RETR 1x',
    'RETR 01',
    'RETR 99999999999',
    'DELE 4',
    'LIST 9',
    'UIDL 0',
  ])('refuses %s', async (command) => {
    const client = await login();
    expect(await client.ask(command)).toBe('-ERR no such message');
  });

  it('hides what is deleted, and takes it back with RSET', async () => {
    const client = await login();
    expect(await client.ask('DELE 2')).toMatch(/^\+OK/);
    for (const command of ['DELE 2', 'RETR 2', 'TOP 2 0', 'LIST 2', 'UIDL 2']) {
      expect(await client.ask(command)).toBe('-ERR no such message');
    }
    expect(await client.ask('STAT')).toBe('+OK 2 28');
    expect((await client.askBlock('LIST')).slice(1)).toEqual(['1 13', '3 15', '.']);
    expect((await client.askBlock('UIDL')).length).toBe(4);
    expect(await client.ask('RSET')).toBe('+OK maildrop has 3 messages (49 octets)');
    expect(await client.ask('STAT')).toBe('+OK 3 49');
    expect(await client.ask('QUIT')).toMatch(/^\+OK/);
    expect(await client.rest()).toBe('');
    expect(sandbox.messages()).toHaveLength(3);
  });

  it('deletes at QUIT, and is free for the next login before it answers', async () => {
    const keep = sandbox.messages()[1];
    const client = await login();
    await client.ask('DELE 1');
    await client.ask('DELE 3');
    expect(sandbox.messages()).toHaveLength(3);
    expect(await client.ask('QUIT')).toMatch(/^\+OK/);
    expect(sandbox.messages()).toEqual([keep]);
    const next = await open();
    await next.line();
    await next.ask(`USER ${USER}`);
    expect(await next.ask(`PASS ${WIRE_PASSWORD}`)).toMatch(/^\+OK maildrop has 1 messages/);
  });

  it('deletes nothing when the connection ends without QUIT', async () => {
    const events: string[] = [];
    await sandbox.close();
    await start({ onEvent: (event) => events.push(event.type) });
    const client = await login();
    await client.ask('DELE 1');
    client.close();
    await eventually(() => expect(events).toContain('close'));
    expect(sandbox.messages()).toHaveLength(3);
    const again = await login();
    expect(await again.ask('STAT')).toBe('+OK 3 49');
  });

  it('is locked for one session, which sees no later mail', async () => {
    const first = await login();
    const second = await open();
    await second.line();
    await second.ask(`USER ${USER}`);
    expect(await second.ask(`PASS ${WIRE_PASSWORD}`)).toMatch(/^-ERR \[IN-USE\]/);
    expect(await second.ask('STAT')).toMatch(/^-ERR/);
    expect(await first.ask('QUIT')).toMatch(/^\+OK/);
    await second.ask(`USER ${USER}`);
    expect(await second.ask(`PASS ${WIRE_PASSWORD}`)).toMatch(/^\+OK/);
  });

  it('refuses a message whose file is gone, and stays in step', async () => {
    const client = await login();
    await unlink(sandbox.messages()[0]?.path ?? '');
    expect(await client.ask('RETR 1')).toMatch(/^-ERR \[SYS\/TEMP\]/);
    expect(await client.ask('NOOP')).toBe('+OK');
  });

  it('answers pipelined commands in order', async () => {
    const client = await open();
    client.send(
      `USER ${USER}\r\nPASS ${WIRE_PASSWORD}\r\nSTAT\r\nRETR 1\r\nRETR 9\r\nTOP 3 0\r\nDELE 1\r\nQUIT\r\n`,
    );
    const text = await client.rest();
    const expected = [
      ...['+OK', '+OK', '+OK maildrop', '+OK 3 49', '+OK 13 octets', 'A: 1', '', 'one', '.', '-ERR no such'],
      ...['+OK top', 'A: 3', '', '.', '+OK message 1 deleted', '+OK bye', ''],
    ];
    const lines = text.split('\r\n');
    expect(lines).toHaveLength(expected.length);
    for (const [index, start] of expected.entries())
      expect(lines[index]).toMatch(new RegExp(`^${start.replace('+', '\\+')}`));
    expect(sandbox.messages()).toHaveLength(2);
  });

  it('understands commands that come octet by octet', async () => {
    const client = await open();
    await client.drip(`user ${USER}\r\npass ${WIRE_PASSWORD}\r\nretr 1\r\nquit\r\n`);
    expect((await client.rest()).split('\r\n').slice(3)).toEqual([
      '+OK 13 octets',
      'A: 1',
      '',
      'one',
      '.',
      '+OK bye',
      '',
    ]);
  });

  it('reads no more of a large message than the client takes', async () => {
    await sandbox.close();
    const path = join(directory, 'large.eml');
    await writeFile(path, `A: 1\r\n\r\n${`${'.'.repeat(70)}\r\n`.repeat(500_000)}`);
    const events: string[] = [];
    sandbox = await startSandbox({
      username: USER,
      password: PASSWORD,
      preload: [path],
      onEvent: (event) => events.push(event.type),
    });
    const size = sandbox.messages()[0]?.size ?? 0;
    const reader = await open();
    reader.socket.pause();
    reader.send(`USER ${USER}\r\nPASS ${WIRE_PASSWORD}\r\nRETR 1\r\nQUIT\r\n`);
    await eventually(() => expect(events).toContain('login'));
    const other = await open();
    await other.line();
    for (let n = 0; n < 2000; n++) await other.askBlock('CAPA');
    expect(events).not.toContain('retrieved');
    let got = 0;
    reader.socket.on('data', (chunk: Buffer) => {
      got += chunk.length;
    });
    reader.socket.resume();
    await new Promise((resolve) => reader.socket.once('end', resolve));
    expect(events).toContain('retrieved');
    expect(got).toBeGreaterThan(size);
  });
});

describe('the POP3 server: AUTHORIZATION', () => {
  it('names what it can do', async () => {
    await start({ tls: true });
    const client = await open();
    expect(await client.line()).toMatch(/^\+OK .*<[^<>@ ]+@[^<>@ ]+>$/);
    expect((await client.askBlock('CAPA')).slice(1)).toEqual([
      'TOP',
      'UIDL',
      'USER',
      'SASL PLAIN LOGIN CRAM-MD5',
      'RESP-CODES',
      'AUTH-RESP-CODE',
      'PIPELINING',
      'EXPIRE NEVER',
      'STLS',
      'IMPLEMENTATION mailtool sandbox',
      '.',
    ]);
  });

  it('refuses a wrong password, and both are asked for again', async () => {
    await start();
    const client = await open();
    await client.line();
    expect(await client.ask(`PASS ${WIRE_PASSWORD}`)).toMatch(/^-ERR/);
    await client.ask(`USER ${USER}`);
    expect(await client.ask('PASS wrong')).toBe('-ERR [AUTH] invalid user name or password');
    expect(await client.ask(`PASS ${WIRE_PASSWORD}`)).toMatch(/^-ERR USER comes before PASS/);
    await client.ask('USER nobody');
    expect(await client.ask(`PASS ${WIRE_PASSWORD}`)).toMatch(/^-ERR \[AUTH\]/);
    expect(await client.ask('STAT')).toBe('-ERR STAT is not for the AUTHORIZATION state');
    expect(await client.ask('QUIT')).toMatch(/^\+OK/);
  });

  it('takes APOP, which no other timestamp fits', async () => {
    await start();
    const client = await open();
    const timestamp = /<.*>$/.exec(await client.line())?.[0] ?? '';
    const digest = (stamp: string): string => createHash('md5').update(stamp).update(PASSWORD).digest('hex');
    expect(await client.ask(`APOP ${USER} ${digest('<other@localhost>')}`)).toMatch(/^-ERR \[AUTH\]/);
    expect(await client.ask(`APOP ${USER} ${digest(timestamp)}`)).toMatch(/^\+OK maildrop/);
    const other = await open();
    expect(/<.*>$/.exec(await other.line())?.[0]).not.toBe(timestamp);
  });

  const plain = base64(`\0${USER}\0${PASSWORD}`);
  it.each([
    ['PLAIN with an initial response', `AUTH PLAIN ${plain}`, []],
    ['PLAIN without one', 'auth plain', [['', plain]]],
    ['PLAIN as oneself', `AUTH PLAIN ${base64(`${USER}\0${USER}\0${PASSWORD}`)}`, []],
    [
      'LOGIN',
      'AUTH LOGIN',
      [
        ['Username:', base64(USER)],
        ['Password:', base64(PASSWORD)],
      ],
    ],
    ['LOGIN with the user name at once', `AUTH LOGIN ${base64(USER)}`, [['Password:', base64(PASSWORD)]]],
  ])('takes %s', async (_name, command, steps) => {
    await start();
    const client = await open();
    await client.line();
    let answer = await client.ask(command);
    for (const [challenge = '', response = ''] of steps) {
      expect(answer).toBe(`+ ${base64(challenge)}`);
      answer = await client.ask(response);
    }
    expect(answer).toMatch(/^\+OK maildrop/);
  });

  it('takes CRAM-MD5', async () => {
    await start();
    const client = await open();
    await client.line();
    expect(await client.ask('AUTH CRAM-MD5 abcd')).toMatch(/^-ERR/);
    const challenge = Buffer.from((await client.ask('AUTH CRAM-MD5')).slice(2), 'base64').toString();
    expect(challenge).toMatch(/^<.+@.+>$/);
    const digest = createHmac('md5', PASSWORD).update(challenge).digest('hex');
    expect(await client.ask(base64(`${USER} ${digest}`))).toMatch(/^\+OK maildrop/);
  });

  it.each([
    ['a wrong password', `AUTH PLAIN ${base64(`\0${USER}\0wrong`)}`, /^-ERR \[AUTH\]/],
    ['somebody else', `AUTH PLAIN ${base64(`root\0${USER}\0${PASSWORD}`)}`, /^-ERR \[AUTH\]/],
    ['two fields', `AUTH PLAIN ${base64(`${USER}\0${PASSWORD}`)}`, /^-ERR PLAIN is/],
    ['four fields', `AUTH PLAIN ${base64(`\0${USER}\0${PASSWORD}\0`)}`, /^-ERR PLAIN is/],
    ['an empty response', 'AUTH PLAIN =', /^-ERR PLAIN is/],
    ['what is not base64', 'AUTH PLAIN !!!!', /^-ERR this is not base64/],
    ['base64 without its padding', `AUTH PLAIN ${plain.replace(/=+$/, '')}x`, /^-ERR/],
    ['an unknown mechanism', 'AUTH EXTERNAL', /^-ERR there is no such mechanism/],
    ['no mechanism', 'AUTH', /^-ERR/],
  ])('refuses %s', async (_name, command, answer) => {
    await start();
    const client = await open();
    await client.line();
    expect(await client.ask(command)).toMatch(answer);
    expect(await client.ask(`AUTH PLAIN ${plain}`)).toMatch(/^\+OK/);
  });

  it('lets an exchange be cancelled', async () => {
    await start();
    const client = await open();
    await client.line();
    await client.ask('AUTH LOGIN');
    expect(await client.ask('*')).toBe('-ERR cancelled');
    expect(await client.ask(`AUTH PLAIN ${plain}`)).toMatch(/^\+OK/);
  });
});

describe('the POP3 server: what it does not take', () => {
  it.each([
    ['a bare LF', 'NOOP\n', 'a command ends in CRLF'],
    ['an unknown command', 'XYZZY\r\n', 'there is no such command'],
    ['the name of an inherited property', 'constructor\r\n', 'there is no such command'],
    ['an empty line', '\r\n', 'there is no such command'],
    ['a space before the command', ' CAPA\r\n', 'there is no such command'],
    ['a space behind it', 'CAPA \r\n', 'these are not the arguments of CAPA'],
    ['a NUL', 'USER a\0b\r\n', 'there are control characters in this command'],
    ['a lone CR', 'USER a\rb\r\n', 'there are control characters in this command'],
    ['two spaces', 'APOP  x\r\n', 'these are not the arguments of APOP'],
    ['STLS without TLS', 'STLS\r\n', 'this server has no TLS'],
  ])('%s', async (_name, sent, why) => {
    await start();
    const client = await open();
    await client.line();
    client.send(sent);
    expect(await client.line()).toBe(`-ERR ${why}`);
    expect((await client.askBlock('CAPA')).at(-1)).toBe('.');
  });

  it('takes 255 octets and no more, and is in step after a line that is too long', async () => {
    await start();
    const client = await open();
    await client.line();
    expect(await client.ask(`USER ${'x'.repeat(255 - 7)}`)).toMatch(/^\+OK/);
    expect(await client.ask(`USER ${'x'.repeat(256 - 7)}`)).toBe('-ERR a command has at most 255 octets');
    expect(await client.ask(`USER ${'x'.repeat(200_000)}`)).toBe('-ERR a command has at most 255 octets');
    await client.drip(`USER ${'x'.repeat(300)}\r\n`);
    expect(await client.line()).toBe('-ERR a command has at most 255 octets');
    expect(await client.ask(`USER ${USER}`)).toMatch(/^\+OK/);
  });

  it('takes 12288 octets within AUTH and no more', async () => {
    await start();
    const client = await open();
    await client.line();
    await client.ask('AUTH PLAIN');
    expect(await client.ask('A'.repeat(12_288 - 2 - 2))).toMatch(/^-ERR PLAIN is|^-ERR this is not/);
    await client.ask('AUTH PLAIN');
    expect(await client.ask('A'.repeat(12_288 - 1))).toBe('-ERR a response has at most 12288 octets');
  });

  it('hangs up on a line without end', async () => {
    await start();
    const client = await open();
    await client.line();
    client.send('x'.repeat(2_000_000));
    expect(await client.rest()).toBe('');
  });

  it('hangs up after twenty commands that make no sense', async () => {
    await start();
    const client = await open();
    await client.line();
    client.send('XYZZY\r\n'.repeat(25));
    expect((await client.rest()).split('\r\n').filter((line) => line.startsWith('-ERR'))).toHaveLength(20);
  });

  it('hangs up on silence, which a drip does not break', async () => {
    await start({ idleTimeoutMs: 300 });
    const silent = await open();
    await silent.line();
    expect(await silent.rest()).toBe('');
    const dripping = await open();
    await dripping.line();
    const timer = setInterval(() => dripping.send('x'), 50);
    expect(await dripping.rest()).toBe('');
    clearInterval(timer);
  });
});

describe('the POP3 server: TLS', () => {
  const ca = (): Promise<string> => readFile(sandbox.caFile ?? '', 'utf8');

  it('offers STLS, and forgets what came before it', async () => {
    await start({ tls: true });
    const client = await open();
    await client.line();
    await client.ask(`USER ${USER}`);
    expect(await client.ask('STLS')).toMatch(/^\+OK/);
    await client.upgrade(await ca());
    expect(await client.askBlock('CAPA')).not.toContain('STLS');
    expect(await client.ask(`PASS ${WIRE_PASSWORD}`)).toMatch(/^-ERR USER/);
    expect(await client.ask('STLS')).toMatch(/^-ERR/);
    await client.ask(`USER ${USER}`);
    expect(await client.ask(`PASS ${WIRE_PASSWORD}`)).toMatch(/^\+OK/);
    expect(await client.ask('STLS')).toBe('-ERR STLS is not for the TRANSACTION state');
    expect(await client.askBlock('RETR 1')).toEqual(['+OK 13 octets', 'A: 1', '', 'one', '.']);
    expect(await client.ask('QUIT')).toMatch(/^\+OK/);
  });

  it('lets nothing be sent behind STLS', async () => {
    await start({ tls: true });
    const client = await open();
    await client.line();
    client.send('STLS\r\nCAPA\r\n');
    expect(await client.rest()).toBe('-ERR nothing may be sent behind STLS\r\n');
  });

  it('hangs up on a handshake that is none', async () => {
    await start({ tls: true });
    const client = await open();
    await client.line();
    await client.ask('STLS');
    client.send('this is not TLS\r\n');
    expect(await client.rest()).not.toContain('+OK');
    expect((await login()).socket.destroyed).toBe(false);
  });

  it('speaks TLS from the first octet when asked for', async () => {
    await start({ tls: 'implicit' });
    const client = await RawClient.openTls(sandbox.pop3.port, await ca());
    clients.push(client);
    expect(await client.line()).toMatch(/^\+OK/);
    expect(await client.askBlock('CAPA')).not.toContain('STLS');
    const plaintext = await open();
    plaintext.send('CAPA\r\n');
    expect(await plaintext.rest()).not.toContain('+OK');
  });
});
