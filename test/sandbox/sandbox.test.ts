import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { ConnectionError, InputError, TimeoutError, UsageError } from '../../src/errors.ts';
import {
  type Sandbox,
  type SandboxEvent,
  type SandboxOptions,
  startSandbox,
} from '../../src/sandbox/index.ts';
import { eventually } from '../eventually.ts';
import { RawClient } from './raw-client.ts';

const open: Sandbox[] = [];
const clients: RawClient[] = [];

async function start(options?: SandboxOptions): Promise<Sandbox> {
  const sandbox = await startSandbox(options);
  open.push(sandbox);
  return sandbox;
}

async function connect(port: number): Promise<RawClient> {
  const client = await RawClient.open(port);
  clients.push(client);
  return client;
}

async function send(sandbox: Sandbox, text: string): Promise<void> {
  const client = await connect(sandbox.smtp.port);
  await client.reply();
  await client.askReply('EHLO me');
  client.send('MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n');
  await client.lines(3);
  expect((await client.askReply(`${text}\r\n.`)).at(-1)).toMatch(/^250/);
  await client.askReply('QUIT');
}

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  for (const sandbox of open.splice(0)) await sandbox.close();
});

describe('startSandbox', () => {
  it('needs no options, and gives what a client needs to find it', async () => {
    const sandbox = await start();
    expect(sandbox.smtp).toEqual({ host: '127.0.0.1', port: expect.any(Number) });
    expect(sandbox.caFile).toBeUndefined();
    expect(sandbox.environment()).toEqual({
      MAILTOOL_SMTP_HOST: '127.0.0.1',
      MAILTOOL_SMTP_PORT: String(sandbox.smtp.port),
      MAILTOOL_SMTP_USER: 'sandbox',
      MAILTOOL_SMTP_PASSWORD: sandbox.password,
      MAILTOOL_SMTP_TLS: 'none',
      MAILTOOL_POP3_HOST: '127.0.0.1',
      MAILTOOL_POP3_PORT: String(sandbox.pop3.port),
      MAILTOOL_POP3_USER: 'sandbox',
      MAILTOOL_POP3_PASSWORD: sandbox.password,
      MAILTOOL_POP3_TLS: 'none',
      MAILTOOL_FROM: 'sandbox@sandbox.test',
      SMTP_HOST: '127.0.0.1',
      SMTP_PORT: String(sandbox.smtp.port),
    });
    expect((await start()).password).not.toBe(sandbox.password);
  });

  it('says with TLS which file to trust', async () => {
    const sandbox = await start({ tls: true, username: 'me@example.org' });
    expect(sandbox.environment()).toMatchObject({
      MAILTOOL_SMTP_TLS: 'starttls',
      MAILTOOL_POP3_TLS: 'starttls',
      MAILTOOL_TLS_CA: sandbox.caFile,
      MAILTOOL_FROM: 'me@example.org',
    });
    expect((await start({ tls: 'implicit' })).environment()).toMatchObject({ MAILTOOL_POP3_TLS: 'implicit' });
  });

  it('listens on loopback only', async () => {
    const sandbox = await start();
    const others = Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .filter((address) => address.family === 'IPv4' && !address.internal);
    for (const { address } of others) {
      // Were the port taken on all addresses, this would fail.
      const server = createServer();
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject).listen(sandbox.smtp.port, address, resolve);
      });
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it('keeps messages in a private temporary directory, which goes with it', async () => {
    const sandbox = await start({ tls: true });
    await send(sandbox, 'A: 1\r\n');
    const temporary = dirname(sandbox.directory);
    expect((await stat(temporary)).mode & 0o777).toBe(0o700);
    expect((await stat(sandbox.directory)).mode & 0o777).toBe(0o700);
    const first = sandbox.close();
    await sandbox.close();
    expect(existsSync(temporary)).toBe(false);
    await first;
    await sandbox.close();
  });

  it("keeps messages in a directory of one's own, and finds them again", async () => {
    const directory = await mkdtemp(join(tmpdir(), 'sandbox-test-'));
    const first = await start({ directory });
    await send(first, 'A: 1\r\n');
    await first.close();
    const second = await start({ directory });
    expect(second.messages()).toHaveLength(1);
    await second.clear();
    expect(second.messages()).toHaveLength(0);
    await rm(directory, { recursive: true });
  });

  it('loads messages at the start', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'sandbox-test-'));
    const file = join(directory, 'x.eml');
    await writeFile(file, 'A: 1\n');
    expect((await start({ preload: [file, file] })).messages()).toHaveLength(2);
    await expect(startSandbox({ preload: [join(directory, 'no.eml')] })).rejects.toBeInstanceOf(InputError);
    await rm(directory, { recursive: true });
  });

  it.each([
    [{ username: '' }],
    [{ password: '' }],
    [{ password: 'a\r\nb' }],
    [{ username: 'a\0b' }],
    [{ faults: ['rcpt:soon'] }],
  ])('refuses %j', async (options) => {
    await expect(startSandbox(options)).rejects.toBeInstanceOf(UsageError);
  });

  it('says which port is in use, and leaves nothing behind', async () => {
    const sandbox = await start();
    const taken = startSandbox({ pop3Port: sandbox.pop3.port });
    await expect(taken).rejects.toBeInstanceOf(ConnectionError);
    await expect(taken).rejects.toThrow(`127.0.0.1:${sandbox.pop3.port}: it is in use`);
  });

  it('lets one wait for messages', async () => {
    const sandbox = await start();
    const waiting = sandbox.waitFor(2);
    await send(sandbox, 'A: 1\r\n');
    await send(sandbox, 'A: 2\r\n');
    const messages = await waiting;
    expect(await Promise.all(messages.map(async (m) => String(await m.read())))).toEqual([
      'A: 1\r\n\r\n',
      'A: 2\r\n\r\n',
    ]);
    const late = sandbox.waitFor(3, { timeoutMs: 20 });
    await expect(late).rejects.toBeInstanceOf(TimeoutError);
    await expect(late).rejects.toThrow('3 messages, 2 came');
    const never = expect(sandbox.waitFor(3)).rejects.toBeInstanceOf(InputError);
    await sandbox.close();
    await never;
  });

  it('tells what happens, and no password', async () => {
    const events: SandboxEvent[] = [];
    const sandbox = await start({ onEvent: (event) => events.push(event), password: 'geheim' });
    await send(sandbox, 'A: 1\r\n');
    const client = await connect(sandbox.pop3.port);
    client.send('USER sandbox\r\nPASS wrong\r\nUSER sandbox\r\nPASS geheim\r\nRETR 1\r\nDELE 1\r\nQUIT\r\n');
    await client.rest();
    await eventually(() => expect(events.filter((event) => event.type === 'close')).toHaveLength(2));
    const types = events.map((event) => event.type);
    for (const type of ['connect', 'message', 'login', 'retrieved', 'deleted']) expect(types).toContain(type);
    expect(JSON.stringify(events)).not.toContain('geheim');
    expect(JSON.stringify(events)).not.toContain('wrong');
  });

  it('closes while clients are connected, idle or in the middle', async () => {
    const sandbox = await start({ tls: true });
    const smtp = await connect(sandbox.smtp.port);
    await smtp.reply();
    const data = await connect(sandbox.smtp.port);
    await data.reply();
    await data.askReply('EHLO me');
    data.send('MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\nA: 1\r\n');
    await data.lines(3);
    const pop3 = await connect(sandbox.pop3.port);
    await pop3.line();
    const handshakes = [
      await connect(sandbox.smtp.port).then(async (client) => {
        await client.reply();
        await client.askReply('EHLO me');
        await client.askReply('STARTTLS');
        return client;
      }),
      await connect(sandbox.pop3.port).then(async (client) => {
        await client.line();
        await client.ask('STLS');
        return client;
      }),
    ];
    // The first record of a handshake, and no more.
    for (const client of handshakes) client.socket.write(Buffer.from('160301', 'hex'));
    await sandbox.close();
    await Promise.all([smtp, data, pop3, ...handshakes].map((client) => client.rest()));
    await expect(RawClient.open(sandbox.pop3.port)).rejects.toThrow('ECONNREFUSED');
  });

  it('survives a client that resets the connection anywhere', async () => {
    const sandbox = await start({ tls: true });
    const ca = await readFile(sandbox.caFile ?? '', 'utf8');
    for (const port of [sandbox.smtp.port, sandbox.pop3.port]) {
      for (const last of ['', 'EHLO me\r\n', 'STLS\r\n', 'USER x']) {
        const client = await connect(port);
        await client.line();
        client.send(last);
        client.socket.resetAndDestroy();
      }
    }
    const untrusting = connectTls({ host: '127.0.0.1', port: sandbox.pop3.port, ca });
    await new Promise((resolve) => untrusting.once('error', resolve));
    await send(sandbox, 'A: 1\r\n');
    expect(sandbox.messages()).toHaveLength(1);
  });
});
