import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';

/** A proxy on loopback. It connects to 127.0.0.1 whatever name it is given, and notes who asked for what. */
export interface TestProxy extends AsyncDisposable {
  readonly port: number;
  /** `name:port`, as the client wrote it. */
  readonly requests: string[];
  /** `user:password`, as the client wrote it. */
  readonly logIns: string[];
}

/** What a client sends, by number of octets or up to a mark. */
class Reader {
  readonly #socket: Socket;
  #held = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  async take(octets: number): Promise<Buffer> {
    while (this.#held.length < octets) await this.#more();
    const taken = this.#held.subarray(0, octets);
    this.#held = this.#held.subarray(octets);
    return taken;
  }

  async until(mark: string): Promise<string> {
    let at = this.#held.indexOf(mark);
    for (; at === -1; at = this.#held.indexOf(mark)) await this.#more();
    return (await this.take(at + mark.length)).toString('latin1');
  }

  async #more(): Promise<void> {
    let chunk: Buffer | null = this.#socket.read();
    if (chunk === null) {
      await Promise.race([once(this.#socket, 'readable'), once(this.#socket, 'close')]);
      if (this.#socket.destroyed) throw new Error('the client has gone');
      chunk = this.#socket.read();
    }
    if (chunk !== null) this.#held = Buffer.concat([this.#held, chunk]);
  }
}

type Serve = (socket: Socket, proxy: Omit<TestProxy, keyof AsyncDisposable | 'port'>) => unknown;

/** A proxy that does with each client what `serve` says. */
export async function proxy(serve: Serve, tls?: TlsOptions): Promise<TestProxy> {
  const sockets = new Set<Socket>();
  const noted = { requests: [] as string[], logIns: [] as string[] };
  const accept = (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    void (async () => serve(socket, noted))().catch(() => socket.destroy());
  };
  const server: Server = tls === undefined ? createServer(accept) : createTlsServer(tls, accept);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    ...noted,
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

export interface ProxyOptions {
  /** `user:password` to insist on. */
  readonly logIn?: string;
  /** Where it connects to in place of the port that was asked for. */
  readonly port?: number;
  /** Sent before anything the server says. */
  readonly glued?: string;
  readonly tls?: TlsOptions;
}

/** Connects, says `granted` and, in the same packet, what the server says first. */
async function join(client: Socket, port: number, granted: Buffer, glued = ''): Promise<void> {
  const server = connect({ host: '127.0.0.1', port });
  server.on('error', () => client.destroy());
  await once(server, 'connect');
  client.write(Buffer.concat([granted, Buffer.from(glued)]));
  client.on('close', () => server.destroy());
  client.pipe(server).pipe(client);
}

export function socks5Proxy({ logIn, port, glued }: ProxyOptions = {}): Promise<TestProxy> {
  return proxy(async (socket, { requests, logIns }) => {
    const reader = new Reader(socket);
    const [version, count = 0] = await reader.take(2);
    if (version !== 5) throw new Error('not SOCKS 5');
    const offered = await reader.take(count);
    const method = logIn === undefined ? 0 : offered.includes(2) ? 2 : 255;
    socket.write(Buffer.from([5, method]));
    if (method === 255) return void socket.end();
    if (method === 2) {
      const [, userLength = 0] = await reader.take(2);
      const user = (await reader.take(userLength)).toString();
      const [passwordLength = 0] = await reader.take(1);
      logIns.push(`${user}:${(await reader.take(passwordLength)).toString()}`);
      const accepted = logIns.at(-1) === logIn;
      socket.write(Buffer.from([1, accepted ? 0 : 1]));
      if (!accepted) return void socket.end();
    }
    const [, , , type] = await reader.take(4);
    const length = type === 1 ? 4 : type === 4 ? 16 : ((await reader.take(1))[0] ?? 0);
    const address = await reader.take(length);
    const name = type === 3 ? address.toString() : [...address].join(type === 1 ? '.' : ',');
    const asked = (await reader.take(2)).readUInt16BE();
    requests.push(`${name}:${asked}`);
    await join(socket, port ?? asked, Buffer.from([5, 0, 0, 1, 127, 0, 0, 1, 0, 1]), glued);
  });
}

export function socks4aProxy({ logIn, port, glued }: ProxyOptions = {}): Promise<TestProxy> {
  return proxy(async (socket, { requests, logIns }) => {
    const reader = new Reader(socket);
    const head = await reader.take(8);
    if (head[0] !== 4 || head[1] !== 1) throw new Error('not SOCKS 4');
    const user = (await reader.until('\0')).slice(0, -1);
    logIns.push(user);
    const byName = head.readUInt32BE(4) > 0 && head.readUInt32BE(4) < 256;
    const name = byName ? (await reader.until('\0')).slice(0, -1) : [...head.subarray(4)].join('.');
    requests.push(`${name}:${head.readUInt16BE(2)}`);
    if (logIn !== undefined && logIn !== user) return void socket.end(Buffer.from([0, 93, 0, 0, 0, 0, 0, 0]));
    await join(socket, port ?? head.readUInt16BE(2), Buffer.from([0, 90, 0, 0, 0, 0, 0, 0]), glued);
  });
}

export function httpProxy({ logIn, port, glued, tls }: ProxyOptions = {}): Promise<TestProxy> {
  return proxy(async (socket, { requests, logIns }) => {
    const head = await new Reader(socket).until('\r\n\r\n');
    const asked = /^CONNECT (\S+):(\d+) HTTP\/1\.1\r\n/.exec(head);
    if (asked === null) throw new Error('not CONNECT');
    const basic = /^Proxy-Authorization: Basic (\S+)$/im.exec(head)?.[1];
    if (basic !== undefined) logIns.push(Buffer.from(basic, 'base64').toString());
    if (logIn !== undefined && logIns.at(-1) !== logIn) {
      return void socket.end('HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic realm="x"\r\n\r\n');
    }
    requests.push(`${asked[1]}:${asked[2]}`);
    const granted = Buffer.from('HTTP/1.1 200 Connection established\r\nVia: 1.1 test\r\n\r\n');
    await join(socket, port ?? Number(asked[2]), granted, glued);
  }, tls);
}
