import { readFile } from 'node:fs/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { POP3_STAGES, SMTP_STAGES } from '../../src/sandbox/faults.ts';
import { type Sandbox, type SandboxOptions, startSandbox } from '../../src/sandbox/index.ts';
import { eventually } from '../eventually.ts';
import { RawClient } from './raw-client.ts';

const sandboxes: Sandbox[] = [];
const clients: RawClient[] = [];
const base64 = (text: string): string => Buffer.from(text).toString('base64');

async function start(faults: string[], options: SandboxOptions = {}): Promise<Sandbox> {
  const sandbox = await startSandbox({ username: 'u', password: 'p', faults, ...options });
  sandboxes.push(sandbox);
  return sandbox;
}

async function connect(port: number): Promise<RawClient> {
  const client = await RawClient.open(port);
  clients.push(client);
  return client;
}

afterAll(async () => {
  for (const client of clients) client.close();
  await Promise.all(sandboxes.map((sandbox) => sandbox.close()));
});

/** Each step of a session that sends one message: what is sent, and the stage whose reply comes next. */
const SMTP_STEPS = [
  ['', 'greeting', '220'],
  ['EHLO me\r\n', 'ehlo', '250'],
  [`AUTH PLAIN ${base64('\0u\0p')}\r\n`, 'auth', '235'],
  ['NOOP\r\n', 'noop', '250'],
  ['RSET\r\n', 'rset', '250'],
  ['MAIL FROM:<a@example.org>\r\n', 'mail', '250'],
  ['RCPT TO:<b@example.org>\r\n', 'rcpt', '250'],
  ['DATA\r\n', 'data', '354'],
  ['A: 1\r\n\r\n.\r\n', 'eod', '250'],
  ['QUIT\r\n', 'quit', '221'],
] as const;
const STORED = ['quit'];

/** Goes through the steps until the one at `stage`; gives the client with that command sent. */
async function smtpUpTo(sandbox: Sandbox, stage: string): Promise<RawClient> {
  const client = await connect(sandbox.smtp.port);
  for (const [command, at, code] of SMTP_STEPS) {
    client.send(command);
    if (at === stage || (stage === 'body' && at === 'eod')) break;
    expect((await client.reply()).at(-1)?.slice(0, 3)).toBe(code);
  }
  return client;
}

describe.concurrent('faults in SMTP', () => {
  const stages = SMTP_STEPS.map(([, stage]) => stage);

  it.each(stages)("a reply of one's own at %s", async (stage) => {
    const sandbox = await start([`smtp.${stage}:451 no, not now`]);
    const client = await smtpUpTo(sandbox, stage);
    expect((await client.reply()).at(-1)).toMatch(/^451 (\d\.\d\.\d )?no, not now$/);
    expect(sandbox.messages()).toHaveLength(STORED.includes(stage) ? 1 : 0);
    if (stage === 'greeting') expect(await client.rest()).toBe('');
    else if (stage !== 'eod' && stage !== 'data')
      expect((await client.askReply('NOOP')).at(-1)).toMatch(/^250|^503|^451/);
  });

  it.each([...stages, 'body'])('a hang-up at %s', async (stage) => {
    const sandbox = await start([`smtp.${stage}:drop`]);
    const client = await smtpUpTo(sandbox, stage);
    expect(await client.rest()).toBe('');
    expect(sandbox.messages()).toHaveLength(STORED.includes(stage) ? 1 : 0);
  });

  it.each(stages)('a lost reply at %s', async (stage) => {
    const sandbox = await start([`smtp.${stage}:lose`]);
    const client = await smtpUpTo(sandbox, stage);
    expect(await client.rest()).toBe('');
    expect(sandbox.messages()).toHaveLength(stage === 'quit' || stage === 'eod' ? 1 : 0);
  });

  it.each(stages)('half a reply at %s', async (stage) => {
    const sandbox = await start([`smtp.${stage}:cut`]);
    const client = await smtpUpTo(sandbox, stage);
    expect(await client.rest()).toMatch(stage === 'ehlo' ? /^250-localhost\r\n250-\w+$/ : /^(22|23|25|35)$/);
    expect(sandbox.messages()).toHaveLength(stage === 'quit' || stage === 'eod' ? 1 : 0);
  });

  it.each([...stages, 'body'])('a delay at %s, and then all goes well', async (stage) => {
    const sandbox = await start([`smtp.${stage}:slow=30ms`]);
    const client = await smtpUpTo(sandbox, stage);
    expect((await client.reply()).at(-1)).toMatch(/^[23]/);
    if (stage === 'body' || stage === 'eod') expect(sandbox.messages()).toHaveLength(1);
  });

  it.each([...stages, 'body'])('silence at %s, which closing ends', async (stage) => {
    const events: string[] = [];
    const sandbox = await start([`smtp.${stage}:stall`], { onEvent: (event) => events.push(event.type) });
    const client = await smtpUpTo(sandbox, stage);
    await eventually(() => expect(events).toContain('fault'));
    await sandbox.close();
    expect(await client.rest()).toMatch(/^(421 .*\r\n)?$/);
    expect(events).not.toContain(stage === 'quit' ? 'never' : 'message');
  });

  it('hits the n-th recipient', async () => {
    const sandbox = await start(['rcpt:450@2', 'rcpt:550@3']);
    const client = await smtpUpTo(sandbox, 'noop');
    await client.reply();
    client.send(
      'MAIL FROM:<>\r\nRCPT TO:<a@x.org>\r\nRCPT TO:<b@x.org>\r\nRCPT TO:<c@x.org>\r\nRCPT TO:<d@x.org>\r\nDATA\r\n',
    );
    expect((await client.lines(6)).map((line) => line.slice(0, 3))).toEqual([
      '250',
      '250',
      '450',
      '550',
      '250',
      '354',
    ]);
    expect((await client.askReply('A: 1\r\n\r\n.')).at(-1)).toMatch(/^250/);
    expect(sandbox.messages()[0]?.recipients).toEqual(['a@x.org', 'd@x.org']);
  });

  it('hides capabilities', async () => {
    const sandbox = await start(['ehlo:hide=PIPELINING+AUTH@1']);
    const client = await smtpUpTo(sandbox, 'ehlo');
    const text = (await client.reply()).join('\n');
    expect(text).not.toMatch(/PIPELINING|AUTH/);
    expect(text).toContain('SIZE');
    expect((await client.askReply('EHLO me')).join('\n')).toMatch(/PIPELINING/);
  });

  it('refuses EHLO and takes HELO', async () => {
    const sandbox = await start(['ehlo:502']);
    const client = await smtpUpTo(sandbox, 'ehlo');
    expect((await client.reply())[0]).toMatch(/^502/);
    expect((await client.askReply('HELO me'))[0]).toMatch(/^250/);
  });

  it.each([
    ['starttls:454', /^454/],
    ['starttls:drop', /^$/],
    ['starttls:lose', /^$/],
    ['starttls:cut', /^22$/],
  ])('%s', async (fault, expected) => {
    const sandbox = await start([fault], { tls: true });
    const client = await smtpUpTo(sandbox, 'auth');
    await client.reply();
    client.send('STARTTLS\r\n');
    if (fault.endsWith('454')) expect((await client.reply())[0]).toMatch(expected);
    else expect(await client.rest()).toMatch(expected);
  });

  it('hits commands under TLS, too', async () => {
    const sandbox = await start(['mail:550 not you'], { tls: true });
    const client = await smtpUpTo(sandbox, 'auth');
    await client.reply();
    await client.askReply('STARTTLS');
    await client.upgrade(await readFile(sandbox.caFile ?? '', 'utf8'));
    await client.askReply('EHLO me');
    expect((await client.askReply('MAIL FROM:<>'))[0]).toMatch(/^550 .*not you/);
  });

  it('closes after a 421', async () => {
    const sandbox = await start(['mail:421']);
    const client = await smtpUpTo(sandbox, 'mail');
    expect(await client.rest()).toMatch(/^421 .*\r\n$/);
  });

  it('has a test for every stage', () => {
    expect([...stages, 'body', 'starttls', 'helo'].sort()).toEqual([...SMTP_STAGES].sort());
  });
});

const POP3_STEPS = [
  ['', 'greeting', '+OK'],
  ['CAPA\r\n', 'capa', '.'],
  ['USER u\r\n', 'user', '+OK'],
  ['PASS p\r\n', 'pass', '+OK'],
  ['STAT\r\n', 'stat', '+OK'],
  ['LIST\r\n', 'list', '.'],
  ['UIDL\r\n', 'uidl', '.'],
  ['TOP 1 0\r\n', 'top', '.'],
  ['RETR 1\r\n', 'retr', '.'],
  ['RSET\r\n', 'rset', '+OK'],
  ['NOOP\r\n', 'noop', '+OK'],
  ['DELE 1\r\n', 'dele', '+OK'],
  ['QUIT\r\n', 'quit', '+OK'],
] as const;

async function pop3UpTo(sandbox: Sandbox, stage: string): Promise<RawClient> {
  const client = await connect(sandbox.pop3.port);
  for (const [command, at, last] of POP3_STEPS) {
    client.send(command);
    if (at === stage) break;
    expect((last === '.' ? await client.block() : [await client.line()]).at(-1)?.split(' ')[0]).toBe(last);
  }
  return client;
}

describe.concurrent('faults in POP3', () => {
  const stages = POP3_STEPS.map(([, stage]) => stage);
  const message = ['A: 1', '', 'x'.repeat(60), 'y'.repeat(60), ''].join('\r\n');

  async function startFull(faults: string[], options: SandboxOptions = {}): Promise<Sandbox> {
    const sandbox = await start(faults, options);
    const client = await smtpUpTo(sandbox, 'eod');
    await client.reply();
    await client.askReply('MAIL FROM:<>');
    await client.askReply('RCPT TO:<b@example.org>');
    await client.askReply('DATA');
    await client.askReply(`${message}.`);
    await client.askReply('QUIT');
    return sandbox;
  }

  it.each(stages)('a refusal at %s', async (stage) => {
    const sandbox = await startFull([`pop3.${stage}:-ERR [SYS/TEMP] not now`]);
    const client = await pop3UpTo(sandbox, stage);
    expect(await client.line()).toBe('-ERR [SYS/TEMP] not now');
    if (stage === 'greeting') expect(await client.rest()).toBe('');
    else if (stage !== 'quit') expect(await client.ask('QUIT')).toMatch(/^\+OK/);
  });

  it.each(stages)('a hang-up at %s', async (stage) => {
    const sandbox = await startFull([`pop3.${stage}:drop`]);
    expect(await (await pop3UpTo(sandbox, stage)).rest()).toBe('');
    expect(sandbox.messages()).toHaveLength(2);
  });

  it.each(stages)('a lost reply at %s', async (stage) => {
    const sandbox = await startFull([`pop3.${stage}:lose`]);
    expect(await (await pop3UpTo(sandbox, stage)).rest()).toBe('');
    expect(sandbox.messages()).toHaveLength(stage === 'quit' ? 1 : 2);
  });

  it.each(stages)('half a reply at %s', async (stage) => {
    const sandbox = await startFull([`pop3.${stage}:cut`]);
    const half = await (await pop3UpTo(sandbox, stage)).rest();
    expect(half).toMatch(/^\+/);
    expect(half).not.toMatch(/\r\n\.\r\n$/);
    if (['stat', 'user', 'pass', 'dele', 'rset', 'noop', 'quit', 'greeting'].includes(stage))
      expect(half).not.toContain('\r\n');
    expect(sandbox.messages()).toHaveLength(stage === 'quit' ? 1 : 2);
  });

  it('cuts a message in its middle', async () => {
    const sandbox = await startFull(['retr:cut@2']);
    const client = await pop3UpTo(sandbox, 'retr');
    await client.block();
    client.send('RETR 2\r\n');
    const half = await client.rest();
    expect(half).toContain('A: 1\r\n\r\nxxx');
    expect(half).not.toContain('y');
  });

  it.each(stages)('a delay at %s, and then all goes well', async (stage) => {
    const sandbox = await startFull([`pop3.${stage}:slow=30ms`]);
    expect(await (await pop3UpTo(sandbox, stage)).line()).toMatch(/^\+OK/);
  });

  it.each(stages)('silence at %s, which closing ends', async (stage) => {
    const events: string[] = [];
    const sandbox = await startFull([`pop3.${stage}:stall`], { onEvent: (event) => events.push(event.type) });
    const client = await pop3UpTo(sandbox, stage);
    await eventually(() => expect(events).toContain('fault'));
    await sandbox.close();
    expect(await client.rest()).toBe('');
    expect(events).not.toContain('deleted');
  });

  it('has no CAPA, or leaves things out of it', async () => {
    const sandbox = await startFull(['capa:-ERR@1', 'capa:hide=UIDL+SASL@2']);
    const client = await pop3UpTo(sandbox, 'capa');
    expect(await client.line()).toMatch(/^-ERR/);
    const text = (await client.askBlock('CAPA')).join('\n');
    expect(text).not.toMatch(/UIDL|SASL/);
    expect(text).toMatch(/TOP/);
    expect((await client.askBlock('CAPA')).join('\n')).toMatch(/UIDL/);
  });

  it.each([
    [
      'pop3.auth:-ERR [SYS/TEMP] later',
      `AUTH PLAIN ${base64('\0u\0p')}`,
      /^-ERR \[SYS\/TEMP\] later\r\n\+OK bye\r\n$/,
    ],
    ['pop3.auth:drop', `AUTH PLAIN ${base64('\0u\0p')}`, /^$/],
    ['pop3.auth:cut', `AUTH PLAIN ${base64('\0u\0p')}`, /^\+OK mail$|^\+OK[^\r]*$/],
    ['apop:-ERR no', 'APOP u 00', /^-ERR no\r\n\+OK bye\r\n$/],
    ['stls:-ERR no', 'STLS', /^-ERR no\r\n\+OK bye\r\n$/],
    ['stls:lose', 'STLS', /^$/],
  ])('%s', async (fault, command, expected) => {
    const sandbox = await start([fault], { tls: true });
    const client = await pop3UpTo(sandbox, 'capa');
    await client.block();
    client.send(`${command}\r\n`);
    if (fault.includes('-ERR')) client.send('QUIT\r\n');
    expect(await client.rest()).toMatch(expected);
  });

  it('has a test for every stage', () => {
    expect([...stages, 'auth', 'apop', 'stls'].sort()).toEqual([...POP3_STAGES].sort());
  });
});
