import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { ConnectionError, InterruptedError, ProtocolError, TimeoutError } from '../../src/errors.ts';
import { Connection } from '../../src/net/connection.ts';
import { Deadline } from '../../src/net/deadline.ts';
import { LINE_LIMIT } from '../../src/net/inbox.ts';
import type { DialOptions } from '../../src/net/options.ts';
import { Transcript } from '../../src/net/transcript.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A connection to a server that does with its one socket what `serve` says. */
async function connected(
  serve: (socket: Socket) => void,
  more: Partial<DialOptions> = {},
): Promise<Connection> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    closers.push(() => socket.destroy());
    serve(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => server.close());
  const { port } = server.address() as AddressInfo;
  const connection = await Connection.dial({ host: '127.0.0.1', port, security: 'none', ...more });
  closers.push(() => connection.close());
  return connection;
}

const text = async (connection: Connection) => (await connection.readLine(2000)).bytes.toString();
const failureOf = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.unreachable('it should have failed'),
    (error: unknown) => error,
  );

describe('dialling', () => {
  test('a port where nothing listens is refused, and worth another try', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    const error = await failureOf(Connection.dial({ host: '127.0.0.1', port, security: 'none' }));
    expect(error).toMatchObject({
      code: 'ECONNECT',
      stage: 'connect',
      retryable: true,
      message: expect.stringContaining('refused'),
    });
  });

  test('a name without an address is not', async () => {
    const error = await failureOf(
      Connection.dial({ host: 'no-such-host.invalid', port: 25, security: 'none' }),
    );
    expect(error).toBeInstanceOf(ConnectionError);
    // Without any name server a machine cannot know, and says "try again".
    expect(['EDNS', 'ECONNECT']).toContain((error as ConnectionError).code);
    expect(error).toMatchObject({ stage: 'dns' });
  });

  test('an aborted signal ends it', async () => {
    const error = await failureOf(
      Connection.dial({ host: '127.0.0.1', port: 9, security: 'none', signal: AbortSignal.abort() }),
    );
    expect(error).toBeInstanceOf(InterruptedError);
  });
});

describe('reading', () => {
  test("the server's last words come before the news that it has gone", async () => {
    const connection = await connected((socket) => socket.end('421 bye\r\n'));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await text(connection)).toBe('421 bye');
    expect(await failureOf(connection.readLine(2000, 'mail'))).toMatchObject({
      code: 'ECONNECT',
      stage: 'mail',
    });
  });

  test('a line that drips in does not outlive its deadline', async () => {
    const connection = await connected((socket) => {
      const timer = setInterval(() => socket.write('x'), 20);
      socket.on('close', () => clearInterval(timer));
    });
    expect(await failureOf(connection.readLine(150))).toBeInstanceOf(TimeoutError);
  });

  test("the whole run's deadline is the limit of every wait", async () => {
    const connection = await connected(() => {}, { deadline: Deadline.after(100) });
    expect(await failureOf(connection.readLine(60_000))).toMatchObject({
      message: expect.stringContaining('after 0.1 s'),
    });
  });

  test('a signal ends a wait', async () => {
    const stop = new AbortController();
    const connection = await connected(() => {}, { signal: stop.signal });
    setTimeout(() => stop.abort(), 20);
    expect(await failureOf(connection.readLine(60_000))).toBeInstanceOf(InterruptedError);
  });

  test('an endless line is cut off', async () => {
    const connection = await connected((socket) => socket.write('x'.repeat(LINE_LIMIT + 10)));
    expect(await failureOf(connection.readLine(2000))).toBeInstanceOf(ProtocolError);
  });

  test('a server that talks on is told to wait: what is kept has a bound', async () => {
    let written = 0;
    const connection = await connected((socket) => {
      const pour = () => {
        while (written < 64e6 && socket.write(Buffer.alloc(65536, 'line\r\n'))) written += 65536;
      };
      socket.on('drain', pour);
      pour();
    });
    await text(connection);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(written).toBeLessThan(16e6);
  });
});

describe('blocks', () => {
  const read = async (connection: Connection) => {
    let all = '';
    for await (const bytes of connection.readBlock(2000, 'retr')) all += bytes.toString('latin1');
    return all;
  };

  test('text, then the replies that follow it', async () => {
    const connection = await connected((socket) => socket.write('+OK\r\na\r\n..b\r\n.\r\n+OK next\r\n'));
    expect(await text(connection)).toBe('+OK');
    expect(await read(connection)).toBe('a\r\n.b\r\n');
    expect(await text(connection)).toBe('+OK next');
  });

  test.each(['', 'half a mess', 'a\r\n', 'a\r\n.', 'a\r\n.\r'])(
    'that ends after %j has failed',
    async (part) => {
      const connection = await connected((socket) => socket.end(`+OK\r\n${part}`));
      await text(connection);
      expect(await failureOf(read(connection))).toMatchObject({ code: 'ECONNECT', stage: 'retr' });
    },
  );

  test('a bare LF server ends its blocks its own way', async () => {
    const connection = await connected((socket) => socket.write('+OK\na\n.\n+OK next\n'));
    await text(connection);
    expect(await read(connection)).toBe('a\n');
    expect(await text(connection)).toBe('+OK next');
  });

  test('left early close the connection: the rest is not taken for replies', async () => {
    const connection = await connected((socket) => {
      socket.write('+OK\r\nfirst\r\n');
      setTimeout(() => socket.write('+OK not a reply\r\n'), 20);
    });
    await text(connection);
    for await (const _ of connection.readBlock(2000)) {
      await new Promise((resolve) => setTimeout(resolve, 60));
      break;
    }
    expect(await failureOf(connection.readLine(2000))).toBeInstanceOf(ConnectionError);
  });
});

describe('the transcript', () => {
  test('blots a secret out in every form', () => {
    const shown: string[] = [];
    const transcript = new Transcript(({ text }) => shown.push(text));
    const secret = 'päß w/rd+1';
    transcript.hide(secret);
    const base64 = (value: string) => Buffer.from(value).toString('base64');
    const forms = [secret, encodeURIComponent(secret), Buffer.from(secret).toString('hex')];
    for (const before of ['', 'x', 'xy', '\0user\0'])
      forms.push(base64(`${before}${secret}`), base64(`${before}${secret}yz`));
    for (const form of forms) {
      shown.length = 0;
      transcript.note('S', `a ${form} b`, false);
      expect(shown[0]).toMatch(/^a .*\[redacted\].* b$/);
      expect(shown[0]).not.toContain(form);
    }
    // Bits of the secret are in the digits beside it too: the whole run goes.
    transcript.note('S', `534 ${base64(`\0u\0${secret}`)} is wrong`, false);
    expect(shown.at(-1)).toBe('534 [redacted] is wrong');
  });

  test('times are told from its start, each with its direction', async () => {
    const shown: string[] = [];
    const transcript = new Transcript((entry) => shown.push(`${entry.direction} ${entry.tls} ${entry.text}`));
    const connection = await connected((socket) => socket.write('220 hi\r\n'), { transcript });
    await text(connection);
    connection.writeLines([{ line: 'AUTH PLAIN secret\r\n', shown: 'AUTH PLAIN [redacted]' }]);
    expect(shown.slice(1)).toEqual(['S false 220 hi', 'C false AUTH PLAIN [redacted]']);
  });
});
