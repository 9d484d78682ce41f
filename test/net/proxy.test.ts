import { afterEach, describe, expect, test } from 'vitest';
import { MailError, TimeoutError, TlsError } from '../../src/errors.ts';
import { Connection } from '../../src/net/connection.ts';
import type { DialOptions } from '../../src/net/options.ts';
import type { ProxyServer } from '../../src/net/proxy.ts';
import { Transcript } from '../../src/net/transcript.ts';
import { certificateFor } from '../certificate.ts';
import { lineServer, type ScriptedServer } from '../cli/scripted-server.ts';
import { eventually } from '../eventually.ts';
import {
  httpProxy,
  type ProxyOptions,
  proxy,
  socks4aProxy,
  socks5Proxy,
  type TestProxy,
} from '../proxies.ts';

const stack: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of stack.splice(0).reverse()) await each[Symbol.asyncDispose]();
});
async function using<T extends AsyncDisposable>(made: Promise<T>): Promise<T> {
  const it = await made;
  stack.push(it);
  return it;
}

const echo = (): Promise<ScriptedServer> => using(lineServer('220 hello\r\n', (line) => `250 ${line}\r\n`));

async function dial(server: Partial<ProxyServer> & { port: number }, more: Partial<DialOptions> = {}) {
  const connection = await Connection.dial({
    host: 'mx.invalid',
    port: 25,
    security: 'none',
    proxy: { scheme: 'socks5', host: '127.0.0.1', ...server },
    ...more,
  });
  stack.push({ [Symbol.asyncDispose]: () => Promise.resolve(connection.close()) });
  return connection;
}

const line = async (connection: Connection) => (await connection.readLine(5000)).bytes.toString();
async function failureOf(work: Promise<unknown>): Promise<MailError> {
  const error = await work.then(
    () => expect.unreachable('it should have failed'),
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(MailError);
  return error as MailError;
}

const KINDS: readonly (readonly [
  scheme: ProxyServer['scheme'],
  start: (options?: ProxyOptions) => Promise<TestProxy>,
  logIn: { readonly username: string; readonly password?: string },
])[] = [
  ['socks5', socks5Proxy, { username: 'ann', password: 'pässw0rd:x' }],
  ['socks4a', socks4aProxy, { username: 'ann' }],
  ['http', httpProxy, { username: 'ann', password: 'pässw0rd:x' }],
];

describe.each(KINDS)('%s', (scheme, start, credentials) => {
  test('the proxy looks the name up and is told no other', async () => {
    const server = await echo();
    const through = await using(start({ port: server.port }));
    const connection = await dial({ scheme, port: through.port });
    expect(await line(connection)).toBe('220 hello');
    connection.writeLines([{ line: 'NOOP\r\n', shown: 'NOOP' }]);
    expect(await line(connection)).toBe('250 NOOP');
    expect(through.requests).toEqual(['mx.invalid:25']);
  });

  test('a name of another script is told in ASCII, an address as it is', async () => {
    const server = await echo();
    const through = await using(start({ port: server.port }));
    for (const host of ['пример.invalid', '192.0.2.7']) await dial({ scheme, port: through.port }, { host });
    expect(through.requests).toEqual(['xn--e1afmkfd.invalid:25', '192.0.2.7:25']);
  });

  test('user and password', async () => {
    const server = await echo();
    const logIn = Object.values(credentials).join(':');
    const through = await using(start({ port: server.port, logIn }));
    expect(await line(await dial({ scheme, port: through.port, ...credentials }))).toBe('220 hello');
    expect(through.logIns).toEqual([logIn]);
  });

  test('a refused log-in is told, without the password', async () => {
    const through = await using(start({ logIn: 'somebody:else' }));
    for (const given of [credentials, {}]) {
      const error = await failureOf(dial({ scheme, port: through.port, ...given }));
      expect(error).toMatchObject({ code: 'EAUTH', stage: 'connect', retryable: false });
      expect(error.message).toContain(`the ${scheme} proxy 127.0.0.1:${through.port} `);
      expect(error.hint).toContain('MAILTOOL_PROXY');
      expect(JSON.stringify(error) + String(error.stack) + String(error.cause)).not.toContain('pässw0rd');
    }
  });

  test('what the server says at once, in the packet of the proxy’s last octet, is the server’s', async () => {
    const server = await using(lineServer('', () => '250 ok\r\n'));
    const through = await using(start({ port: server.port, glued: '220 glued\r\n250-more\r\n250 more' }));
    const connection = await dial({ scheme, port: through.port });
    expect(await line(connection)).toBe('220 glued');
    expect(await line(connection)).toBe('250-more');
    connection.writeLines([{ line: 'NOOP\r\n', shown: 'NOOP' }]);
    expect(await line(connection)).toBe('250 more250 ok');
  });

  test('a body passes, in both directions', async () => {
    const text = `${'x'.repeat(70)}\r\n`.repeat(30_000);
    const server = await using(lineServer(`+OK\r\n${text}.\r\n`, () => ''));
    const through = await using(start({ port: server.port }));
    const connection = await dial({ scheme, port: through.port });
    await line(connection);
    let octets = 0;
    for await (const chunk of connection.readBlock(5000)) octets += chunk.length;
    expect(octets).toBe(text.length);
    await connection.write(Buffer.from(text), 5000);
    await eventually(() => expect(server.lines).toHaveLength(30_000));
  });

  test('TLS from the first octet, and by STARTTLS, is with the server, by its name', async () => {
    const certificate = await certificateFor('mx.invalid');
    const server = await using(lineServer('220 secret\r\n', () => '', certificate));
    const through = await using(start({ port: server.port }));
    const tls = { ca: certificate.cert };
    const connection = await dial({ scheme, port: through.port }, { security: 'implicit', tls });
    expect(await line(connection)).toBe('220 secret');
    expect(connection.tls).toMatchObject({ version: 'TLSv1.3', verified: true });
    const later = await dial({ scheme, port: through.port }, { security: 'starttls', tls });
    await later.secure(5000);
    expect(await line(later)).toBe('220 secret');
    const other = dial({ scheme, port: through.port }, { security: 'implicit', tls, host: 'other.invalid' });
    expect(await failureOf(other)).toMatchObject({ code: 'ECERT' });
  });

  test('octets of a proxy before TLS are an attack', async () => {
    const certificate = await certificateFor('mx.invalid');
    const server = await using(lineServer('220 secret\r\n', () => '', certificate));
    const through = await using(start({ port: server.port, glued: '220 injected\r\n' }));
    const tls = { ca: certificate.cert };
    const error = await failureOf(dial({ scheme, port: through.port }, { security: 'implicit', tls }));
    expect(error).toBeInstanceOf(TlsError);
    expect(error.message).toContain('before the TLS handshake');
  });

  test('a proxy that says nothing is waited for until the deadline', async () => {
    const through = await using(proxy(() => undefined));
    const error = await failureOf(dial({ scheme, port: through.port }, { connectTimeoutMs: 150 }));
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error.message).toContain(
      `waiting to be put through to mx.invalid:25 by the ${scheme} proxy 127.0.0.1:${through.port}`,
    );
  });

  test('a proxy that drips is, too', async () => {
    const through = await using(
      proxy((socket) => {
        const drip = scheme === 'http' ? 'HTTP/1.1 200 OK\r\nX: ' : '\x05';
        let at = 0;
        const timer = setInterval(() => socket.write(drip[at++] ?? '\0'), 10);
        socket.on('close', () => clearInterval(timer));
      }),
    );
    const error = await failureOf(dial({ scheme, port: through.port }, { connectTimeoutMs: 300 }));
    expect(['ETIMEDOUT', 'ETIMEOUT', 'EPROTO', 'ECONNECT']).toContain(error.code);
    if (scheme === 'http') expect(error).toBeInstanceOf(TimeoutError);
  });

  test('an aborted signal ends the wait', async () => {
    const stop = new AbortController();
    const through = await using(proxy((socket) => void socket.once('data', () => stop.abort())));
    const error = await failureOf(dial({ scheme, port: through.port }, { signal: stop.signal }));
    expect(error).toMatchObject({ code: 'EINTERRUPTED' });
  });

  test('one that hangs up has not connected', async () => {
    const through = await using(proxy((socket) => void socket.once('data', () => socket.end())));
    const error = await failureOf(dial({ scheme, port: through.port }));
    expect(error).toMatchObject({ code: 'ECONNECT', stage: 'connect', retryable: true });
    expect(error.message).toMatch(/proxy 127.0.0.1:\d+ did not connect to mx\.invalid:25: it closed/);
  });

  test('garbage is told from a proxy, and does not stay', async () => {
    const through = await using(
      proxy(
        (socket) =>
          void socket.once('data', () => socket.write(Buffer.alloc(1_000_000, '220 mx\x1b[2J\r\n'))),
      ),
    );
    const error = await failureOf(dial({ scheme, port: through.port }));
    expect(error).toMatchObject({ code: 'EPROTO', stage: 'connect' });
    expect(error.message).not.toContain('\x1b');
  });

  test('one that does not listen is named as such', async () => {
    const through = await using(start());
    await through[Symbol.asyncDispose]();
    stack.pop();
    const error = await failureOf(dial({ scheme, port: through.port }));
    expect(error).toMatchObject({ code: 'ECONNECT', stage: 'connect' });
    expect(error.message).toBe(
      `the ${scheme} proxy is not reached: cannot connect to 127.0.0.1:${through.port}: connection refused`,
    );
  });

  test.each(['\r', '\n', '\0'])('%j in its settings is refused, and nothing is sent', async (bad) => {
    const through = await using(start());
    for (const [part, text] of [
      ['host', `127.0.0.1${bad}`],
      ['username', `a${bad}b`],
      ['password', `a${bad}b`],
    ]) {
      const error = await failureOf(
        dial({ scheme, port: through.port, username: 'x', [part as string]: text }),
      );
      expect(error.code).toBe('EUSAGE');
    }
    const error = await failureOf(dial({ scheme, port: through.port }, { host: `mx${bad}X: y` }));
    expect(error.code).toBe('ECONFIG');
    expect(through.requests).toEqual([]);
  });

  test('a Unix socket, a zone and a name too long are not for a proxy', async () => {
    for (const host of ['/run/mx.sock', 'fe80::1%lo', 'x'.repeat(256), 'a b', 'a/b', '']) {
      expect((await failureOf(dial({ scheme, port: 9 }, { host }))).code).toBe('ECONFIG');
    }
  });

  test('the transcript has the proxy in it, and no password', async () => {
    const server = await using(lineServer('220 your proxy’s password is pässw0rd:x\r\n', () => ''));
    const through = await using(start({ port: server.port }));
    const shown: string[] = [];
    const transcript = new Transcript(({ text }) => shown.push(text));
    const given = { ...credentials, ...(scheme === 'socks4a' ? {} : { password: 'pässw0rd:x' }) };
    await line(await dial({ scheme, port: through.port, ...given }, { transcript }));
    expect(shown[0]).toBe(`connected to mx.invalid:25 through the ${scheme} proxy (127.0.0.1)`);
    if (scheme !== 'socks4a') expect(shown.join('\n')).not.toContain('pässw0rd');
  });
});

describe('SOCKS replies', () => {
  const answering = (...octets: number[]) =>
    using(proxy((socket) => void socket.on('data', () => socket.write(Buffer.from(octets)))));
  const afterMethod = (code: number) =>
    using(
      proxy((socket) => {
        socket.once('data', () => {
          socket.write(Buffer.from([5, 0]));
          socket.once('data', () => socket.write(Buffer.from([5, code, 0, 1, 0, 0, 0, 0, 0, 0])));
        });
      }),
    );

  test.each([
    [1, 'ECONNECT', 'it failed', true],
    [2, 'EREJECTED', 'its rules do not allow that', false],
    [3, 'ECONNECT', 'the network cannot be reached from there', true],
    [4, 'ECONNECT', 'the host is not known there', true],
    [5, 'ECONNECT', 'connection refused', true],
    [6, 'ECONNECT', 'the way is too long', true],
    [7, 'EREJECTED', 'it does not know CONNECT', false],
    [8, 'EREJECTED', 'it does not know this kind of address', false],
    [99, 'EPROTO', 'does not speak SOCKS as it should', true],
  ])('5: code %d is %s', async (code, name, words, retryable) => {
    const { port } = await afterMethod(code);
    const error = await failureOf(dial({ port }));
    expect(error).toMatchObject({ code: name, stage: 'connect', retryable });
    expect(error.message).toContain(words);
  });

  test.each([
    [91, 'ECONNECT', 'it refused, or failed'],
    [92, 'EAUTH', 'wants a log-in'],
    [93, 'EAUTH', 'wants a log-in'],
    [7, 'EPROTO', 'does not speak SOCKS'],
  ])('4a: code %d is %s', async (code, name, words) => {
    const { port } = await answering(0, code, 0, 0, 0, 0, 0, 0);
    const error = await failureOf(dial({ port, scheme: 'socks4a' }));
    expect(error).toMatchObject({ code: name, stage: 'connect' });
    expect(error.message).toContain(words);
  });

  test.each([
    ['a method that was not offered', [5, 9]],
    ['another version', [4, 0]],
    ['a log-in answered twice', [5, 2, 1, 0, 1, 0, 1, 0]],
  ])('%s is no SOCKS', async (_, octets) => {
    const { port } = await answering(...octets);
    const error = await failureOf(dial({ port, username: 'u', password: 'p' }));
    expect(error).toMatchObject({ code: 'EPROTO', stage: 'connect' });
  });

  test('an answer that names the proxy’s own address by name, or in IPv6, is read whole', async () => {
    for (const address of [
      [3, 3, 97, 98, 99],
      [4, ...Array<number>(16).fill(1)],
    ]) {
      const { port } = await using(
        proxy((socket) => {
          socket.once('data', () => {
            socket.write(Buffer.from([5, 0]));
            socket.once('data', () =>
              socket.write(Buffer.from([5, 0, 0, ...address, 0, 25, ...Buffer.from('220 hi\r\n')])),
            );
          });
        }),
      );
      expect(await line(await dial({ port }))).toBe('220 hi');
    }
  });

  test('a user name too long for the protocol is told before anything is sent', async () => {
    const error = await failureOf(dial({ port: 9, username: 'ü'.repeat(128), password: 'x' }));
    expect(error).toMatchObject({ code: 'EUSAGE' });
  });
});

describe('HTTP answers', () => {
  const answering = (text: string) =>
    using(proxy((socket) => void socket.once('data', () => socket.write(Buffer.from(text, 'latin1')))));
  const http = (port: number, more: Partial<ProxyServer> = {}) => dial({ scheme: 'http', port, ...more });

  test.each([
    ['HTTP/1.1 403 Forbidden', 'EREJECTED', false, '403 "Forbidden"'],
    ['HTTP/1.1 403', 'EREJECTED', false, ': 403'],
    ['HTTP/1.0 302 Found\r\nLocation: http://x/', 'EREJECTED', false, '302 "Found"'],
    ['HTTP/1.1 101 Switching', 'EREJECTED', false, '101'],
    ['HTTP/1.1 401 Unauthorized', 'EAUTH', false, 'wants a user and a password: 401 "Unauthorized"'],
    ['HTTP/1.1 502 Bad Gateway', 'ECONNECT', true, '502 "Bad Gateway"'],
    ['HTTP/1.1 503 \x1b[31mred\x9b', 'ECONNECT', true, '503 "\\u001b[31mred\\u009b"'],
    ['HTTP/2 200 OK', 'EPROTO', true, 'does not speak HTTP: it says "HTTP/2 200 OK"'],
    ['SSH-2.0-OpenSSH', 'EPROTO', true, 'does not speak HTTP: it says "SSH-2.0-OpenSSH"'],
  ])('%j is %s', async (text, code, retryable, words) => {
    const { port } = await answering(`${text}\r\n\r\n<html>`);
    const error = await failureOf(http(port));
    expect(error).toMatchObject({ code, retryable, stage: 'connect' });
    expect(error.message).toContain(words);
    expect(error.hint).toMatch(/prox(?:y|ies)|MAILTOOL_PROXY|later/);
  });

  test('interim answers come before the one that counts; bare LF will do', async () => {
    const { port } = await answering('HTTP/1.1 103 Early\r\nX: y\r\n\r\nHTTP/1.0 200 OK\nX: y\n\n220 hi\r\n');
    expect(await line(await http(port))).toBe('220 hi');
  });

  test.each([
    ['an endless head', 'HTTP/1.1 200 OK\r\n', 'X: y\r\n'],
    ['an endless line', 'HTTP/1.1 200 OK\r\nX: ', 'y'],
    ['endless interim answers', '', 'HTTP/1.1 100 Continue\r\n\r\n'],
  ])('%s is cut off', async (_, first, more) => {
    const through = await using(
      proxy((socket) => {
        socket.once('data', () => {
          socket.write(first);
          const pour = () => {
            while (!socket.destroyed && socket.write(more.repeat(1000)));
          };
          socket.on('drain', pour);
          pour();
        });
      }),
    );
    const error = await failureOf(http(through.port));
    expect(error).toMatchObject({ code: 'EPROTO' });
    expect(error.message).toContain('has no end within 16384 octets');
  });

  test('a head of just so many octets passes, in any pieces', async () => {
    const start = 'HTTP/1.1 200 OK\r\nX: ';
    const head = `${start}${'y'.repeat(16_384 - start.length - 4)}\r\n\r\n`;
    const { port } = await answering(`${head}220 hi\r\n`);
    expect(await line(await http(port))).toBe('220 hi');
    const longer = await answering(head.replace('y', 'yy'));
    expect(await failureOf(http(longer.port))).toMatchObject({ code: 'EPROTO' });
    const drips = await using(
      proxy((socket) => {
        socket.once('data', async () => {
          for (const octet of 'HTTP/1.1 200 OK\r\nX: y\r\n\r\n220 hi\r\n') {
            socket.write(octet);
            await new Promise(setImmediate);
          }
        });
      }),
    );
    expect(await line(await http(drips.port))).toBe('220 hi');
  });

  test('a proxy that repeats the password does not get it shown', async () => {
    const token = Buffer.from('ann:s3cret-word').toString('base64');
    for (const text of ['403 s3cret-word', `403 ${token}`, '502 s3cret-word']) {
      const { port } = await answering(`HTTP/1.1 ${text}\r\n\r\n`);
      const error = await failureOf(http(port, { username: 'ann', password: 's3cret-word' }));
      expect(JSON.stringify(error)).toContain('[redacted]');
      expect(JSON.stringify(error)).not.toMatch(/s3cret|YW5u|czNjcmV0/);
    }
  });

  test('a user with a colon cannot be told from its password', async () => {
    expect(await failureOf(http(9, { username: 'a:b' }))).toMatchObject({ code: 'EUSAGE' });
  });
});

describe('https', () => {
  test('TLS to the proxy, TLS to the server within it', async () => {
    const certificate = await certificateFor('localhost');
    const inner = await certificateFor('mx.invalid');
    const server = await using(lineServer('220 secret\r\n', () => '', inner));
    const through = await using(httpProxy({ port: server.port, logIn: 'a:b', tls: certificate }));
    const proxied = { scheme: 'https', port: through.port, username: 'a', password: 'b' } as const;
    const connection = await dial(proxied, {
      security: 'implicit',
      tls: { ca: [certificate.cert, inner.cert] },
    });
    expect(await line(connection)).toBe('220 secret');
    const plain = await using(lineServer('220 plain\r\n', () => ''));
    const other = await using(httpProxy({ port: plain.port, tls: certificate }));
    const open = await dial({ scheme: 'https', port: other.port }, { tls: { ca: certificate.cert } });
    expect(await line(open)).toBe('220 plain');
  });

  test('a proxy that nobody trusts gets no password', async () => {
    const certificate = await certificateFor('localhost');
    const through = await using(httpProxy({ logIn: 'a:b', tls: certificate }));
    const error = await failureOf(
      dial({ scheme: 'https', port: through.port, username: 'a', password: 'b' }),
    );
    expect(error).toBeInstanceOf(TlsError);
    expect(error.message).toMatch(/^the https proxy 127\.0\.0\.1:\d+: the certificate of /);
    expect(error.hint).toContain('--tls-ca');
    expect(through.logIns).toEqual([]);
  });
});
