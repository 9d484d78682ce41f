import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts';
import { leaks } from '../interop/secrets.ts';
import { httpProxy, proxy, socks4aProxy, socks5Proxy, type TestProxy } from '../proxies.ts';
import { mailtool } from './mailtool.ts';
import { lineServer, smtpServer } from './scripted-server.ts';

const PASSWORD = 'Pröxy-s3cret/%x';
const MESSAGE = ['-f', 'a@example.org', '-t', 'b@example.org', '-s', 's', '-m', 'text'];

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'mailtool-test-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const urlOf = (scheme: string, { port }: TestProxy, logIn = `ann:${encodeURIComponent(PASSWORD)}@`) =>
  `${scheme}://${logIn}127.0.0.1:${port}`;

/** Everything that a run left behind, for a search. */
async function everything(
  args: readonly string[],
  env: Record<string, string>,
): Promise<[string, number | null]> {
  const log = join(mkdtempSync(join(dir, 'run-')), 'log');
  const runs = [
    await mailtool([...args, '-vv', '--log-file', log], { env }),
    await mailtool([...args, '--json', '-v'], { env }),
  ] as const;
  const text = [...runs.flatMap(({ stdout, stderr }) => [stdout, stderr]), readFileSync(log, 'utf8')];
  return [text.join('\n'), runs[0].code];
}

describe.each([
  ['socks5', socks5Proxy, `ann:${PASSWORD}`, `ann:${encodeURIComponent(PASSWORD)}@`],
  ['socks4a', socks4aProxy, 'ann', 'ann@'],
  ['http', httpProxy, `ann:${PASSWORD}`, `ann:${encodeURIComponent(PASSWORD)}@`],
] as const)('through a %s proxy', (scheme, start, logIn, user) => {
  it('a message is sent to a server whose name nobody here can look up', async () => {
    await using server = await smtpServer();
    await using through = await start({ port: server.port, logIn });
    const args = ['send', ...MESSAGE, '--smtp-host', 'mx.invalid:2525', '--smtp-tls', 'none'];
    const [text, code] = await everything(args, { MAILTOOL_PROXY: urlOf(scheme, through, user) });
    expect(code, text).toBe(0);
    expect(server.lines).toContain('.');
    expect(through.requests).toEqual(['mx.invalid:2525', 'mx.invalid:2525']);
    expect(through.logIns).toEqual([logIn, logIn]);
    expect(text).toContain(`through the ${scheme} proxy 127.0.0.1:${through.port}`);
    expect(leaks(text, PASSWORD)).toEqual([]);
  });

  it('a refused log-in is exit 77, and shows no password', async () => {
    await using through = await start({ logIn: 'somebody:else' });
    const args = ['send', ...MESSAGE, '--smtp-host', 'mx.invalid', '--smtp-tls', 'none'];
    const [text, code] = await everything(args, { MAILTOOL_PROXY: urlOf(scheme, through, user) });
    expect(code, text).toBe(77);
    expect(text).toContain(`the ${scheme} proxy 127.0.0.1:${through.port} does not accept the user`);
    expect(text).toContain('hint: ');
    expect(leaks(text, PASSWORD)).toEqual([]);
  });
});

it('a proxy, or a server, that repeats the password of the proxy does not get it shown', async () => {
  const latin = Buffer.from(PASSWORD).toString('latin1');
  const token = Buffer.from(`ann:${PASSWORD}`).toString('base64');
  const args = ['send', ...MESSAGE, '--smtp-host', 'mx.invalid', '--smtp-tls', 'none'];
  for (const answer of [`403 ${latin}`, `407 ${token}`, `502 ${encodeURIComponent(PASSWORD)}`]) {
    await using through = await proxy((socket) => {
      socket.once('data', () => socket.end(`HTTP/1.1 ${answer}\r\n\r\n`, 'latin1'));
    });
    const [text] = await everything(args, { MAILTOOL_PROXY: urlOf('http', through) });
    expect(text).toContain('[redacted]');
    expect(leaks(text, PASSWORD)).toEqual([]);
  }
  await using server = await smtpServer({ GREETING: `554 ${PASSWORD} ${token}\r\n` });
  await using through = await socks5Proxy({ port: server.port, logIn: `ann:${PASSWORD}` });
  const [text, code] = await everything(args, { MAILTOOL_PROXY: urlOf('socks5', through) });
  expect(code).toBe(69);
  expect(text).toContain('[redacted]');
  expect(leaks(text, PASSWORD)).toEqual([]);
});

describe('with TLS and a log-in', () => {
  let sandbox: Sandbox;
  let through: TestProxy;
  beforeAll(async () => {
    sandbox = await startSandbox({ tls: true });
    through = await httpProxy();
  });
  afterAll(async () => {
    await sandbox.close();
    await through[Symbol.asyncDispose]();
  });

  it('STARTTLS, SMTP and POP3', async () => {
    const env = { ...sandbox.environment(), MAILTOOL_PROXY: urlOf('http', through) };
    const sent = await mailtool(['send', ...MESSAGE, '--json'], { env });
    expect(sent.code, sent.stderr).toBe(0);
    expect(JSON.parse(sent.stdout)).toMatchObject({ ok: true, tls: { verified: true } });
    const listed = await mailtool(['list', '--json'], { env });
    expect(JSON.parse(listed.stdout)).toMatchObject({ ok: true, total: 1 });
    expect(through.requests).toEqual([`127.0.0.1:${sandbox.smtp.port}`, `127.0.0.1:${sandbox.pop3.port}`]);
  });

  it('what is at loopback beyond a proxy gets no password in clear', async () => {
    await using server = await smtpServer();
    const env = { MAILTOOL_SMTP_USER: 'u', MAILTOOL_SMTP_PASSWORD: 'mail-s3cret' };
    const args = ['send', ...MESSAGE, '--smtp-host', `127.0.0.1:${server.port}`];
    const direct = await mailtool(args, { env });
    expect(direct.code, direct.stderr).toBe(0);
    const proxied = [...args, '--proxy', urlOf('http', through, '')];
    const required = await mailtool(proxied, { env });
    expect(required).toMatchObject({ code: 76 });
    const plain = await mailtool([...proxied, '--smtp-tls', 'none'], { env });
    expect(plain).toMatchObject({ code: 77 });
    expect(server.lines.filter((line) => line.startsWith('AUTH'))).toHaveLength(1);
  });

  it('a ./.env that was found does not lead a password through its proxy', async () => {
    const cwd = mkdtempSync(join(dir, 'cloned-'));
    writeFileSync(join(cwd, '.env'), `MAILTOOL_PROXY=${urlOf('http', through, '')}\n`);
    const before = through.requests.length;
    const { code, stderr } = await mailtool(['send', ...MESSAGE], { env: sandbox.environment(), cwd });
    expect(code).toBe(78);
    expect(stderr).toContain('is not used with a proxy from a less trusted place (./.env:1 MAILTOOL_PROXY)');
    expect(through.requests).toHaveLength(before);
  });

  it('the sandbox is reached without the proxy of those who start it', async () => {
    const env = { MAILTOOL_PROXY: 'socks5://127.0.0.1:9' };
    const child = ['send', ...MESSAGE];
    const bin = join(import.meta.dirname, '..', '..', 'bin', 'mailtool.cjs');
    const { code, stderr } = await mailtool(['sandbox', '--', process.execPath, bin, ...child], { env });
    expect(code, stderr).toBe(0);
  });

  it('the trial whether a silent server waits for TLS goes the same way', async () => {
    await using silent = await lineServer('', () => '');
    await using counted = await socks5Proxy({ port: silent.port });
    const args = ['probe', 'smtp', 'mx.invalid', '--timeout', '1s', '--proxy', urlOf('socks5', counted, '')];
    const { code } = await mailtool(args);
    expect(code).toBe(75);
    expect(counted.requests).toEqual(['mx.invalid:587', 'mx.invalid:587']);
  });
});

describe('a proxy that fails', () => {
  const answering = (text: string) => proxy((socket) => void socket.once('data', () => socket.end(text)));

  it.each([
    ['HTTP/1.1 403 Forbidden\r\n\r\n', 69, 'EREJECTED'],
    ['HTTP/1.1 502 \x1b]0;title\x07\r\n\r\n', 75, 'ECONNECT'],
    ['220 mx ESMTP\r\n', 76, 'EPROTO'],
    ['', 75, 'ECONNECT'],
  ])('%j is exit %d', async (text, exit, name) => {
    await using through = await answering(text);
    const args = ['--proxy', urlOf('http', through, ''), '--smtp-host', 'mx.invalid'];
    const { code, stderr } = await mailtool(['send', ...MESSAGE, ...args]);
    expect(code).toBe(exit);
    expect(stderr).toMatch(/^mailtool: error: .*the http proxy 127\.0\.0\.1:\d+ .*\nhint: .+\n$/);
    expect(stderr).not.toContain('\x1b');
    const { stdout } = await mailtool(['send', ...MESSAGE, ...args, '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, error: { code: name, stage: 'connect', exit } });
  });

  it('one that is not there is 75, one without an address 68, a URL that is none 64 or 78', async () => {
    const send = ['send', ...MESSAGE, '--smtp-host', 'mx.invalid'];
    const closed = await httpProxy();
    await closed[Symbol.asyncDispose]();
    const refused = await mailtool([...send, '--proxy', urlOf('http', closed, '')]);
    expect(refused).toMatchObject({ code: 75 });
    expect(refused.stderr).toContain('the http proxy is not reached: cannot connect to 127.0.0.1');
    const unknown = await mailtool([...send, '--proxy', 'socks5://proxy.invalid']);
    expect([68, 75]).toContain(unknown.code);
    expect(unknown.stderr).toContain('the socks5 proxy is not reached: ');
    expect((await mailtool([...send, '--proxy', 'mx:1080'])).code).toBe(64);
    expect((await mailtool([...send, '--proxy', 'http://u:pw-x@h'])).code).toBe(64);
    expect((await mailtool(send, { env: { MAILTOOL_PROXY: 'ftp://x' } })).code).toBe(78);
    const socket = await mailtool(['send', ...MESSAGE, '--smtp-host', '/tmp/x', '--proxy', 'socks5://h']);
    expect(socket).toMatchObject({ code: 78, stderr: expect.stringContaining('--proxy none') });
  });
});

describe('the address to connect from', () => {
  it('is the one that was asked for', async () => {
    const seen: (string | undefined)[] = [];
    await using server = await lineServer('220 hi\r\n', (line, socket) => {
      if (line.startsWith('EHLO')) seen.push(socket.remoteAddress);
      return '250 ok\r\n';
    });
    for (const flags of [
      ['--local-address', '127.0.0.7'],
      ['-4'],
      ['--ipv4', '--local-address', '127.0.0.8'],
    ]) {
      const { code, stderr } = await mailtool(['probe', 'smtp', `localhost:${server.port}`, ...flags]);
      expect(code, stderr).toBe(0);
    }
    expect(seen).toEqual(['127.0.0.7', '127.0.0.1', '127.0.0.8']);
  });

  it.each([
    [['--local-address', '192.0.2.1'], '127.0.0.1', 78, 'this machine does not have that address'],
    [['--local-address', 'eth0'], '127.0.0.1', 64, 'is not an IP address'],
    [['--local-address', '::1'], '127.0.0.1', 78, '127.0.0.1 is an address of IPv4, and IPv6 is to be used'],
    [['-6'], '127.0.0.1', 78, '127.0.0.1 is an address of IPv4, and IPv6 is to be used'],
    [['-4', '-6'], '127.0.0.1', 64, '--ipv4 and --ipv6 exclude each other'],
    [['-4', '--local-address', '::1'], '127.0.0.1', 78, 'it is an address of IPv6, and --ipv4 was given'],
    [['--local-address', '127.0.0.1'], '/tmp/x', 78, 'a Unix socket is reached without an address of ours'],
  ])('%j to %s is exit %d', async (flags, host, exit, words) => {
    const args = ['send', ...MESSAGE, '--smtp-host', host, '--smtp-port', '9', '--smtp-tls', 'none'];
    const { code, stderr } = await mailtool([...args, ...flags]);
    expect({ code, stderr }).toEqual({ code: exit, stderr: expect.stringContaining(words) });
  });
});
