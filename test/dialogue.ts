import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { createSecureContext, TLSSocket } from 'node:tls';
import type { TestCertificate } from './certificate.ts';

/**
 * Plays the server of a written dialogue, on loopback, for one client.
 *
 *     S: 220 mx.example.org          the server sends this line (several in a row leave in one packet)
 *     C: EHLO [127.0.0.1]            the client must send exactly this line
 *     C~ ^AUTH CRAM-MD5 \S+$         ... or a line that matches
 *     C! 4                           ... or any four lines
 *     S- +OK no line end             the server sends text without a line end; \r \n \0 \xNN are escapes
 *     *: tls                         the server shakes hands: the client must as well
 *     *: tls refused                 the server shakes hands: the client must break off and leave
 *     *: bytes                       the client must send something, lines or not
 *     *: close                       the server closes; `reset` cuts, `silence` says nothing until the client leaves
 *     *: end                         the client must have nothing more to say, and close
 */
export interface DialogueOptions {
  /** The server's bytes leave in pieces of this many octets. */
  readonly chunk?: number;
  readonly certificate?: TestCertificate;
  /** The line end the server uses. */
  readonly ending?: string;
}

interface Step {
  readonly kind: 'S' | 'S-' | 'C' | 'C~' | 'C!' | '*';
  readonly text: string;
}

function stepsOf(script: string): Step[] {
  return script
    .split('\n')
    .map((line) => line.trimStart())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const match = /^(S:|S-|C:|C~|C!|\*:) ?(.*)$/s.exec(line);
      if (match === null) throw new Error(`not a line of a dialogue: ${line}`);
      return { kind: (match[1] as string).replace(':', '') as Step['kind'], text: match[2] ?? '' };
    });
}

const unescaped = (text: string) =>
  text.replace(/\\(r|n|0|x[0-9a-f]{2})/g, (_, code: string) =>
    code === 'r'
      ? '\r'
      : code === 'n'
        ? '\n'
        : code === '0'
          ? '\0'
          : String.fromCharCode(Number.parseInt(code.slice(1), 16)),
  );

/** Runs `client` against the server of `script`; fails if either side leaves the script. One script a connection. */
export async function dialogue<T>(
  script: string | readonly string[],
  options: DialogueOptions,
  client: (port: number) => Promise<T>,
): Promise<T> {
  const scripts = (typeof script === 'string' ? [script] : script).map(stepsOf);
  const plays: Promise<void>[] = [];
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    const steps = scripts[plays.length];
    const play =
      steps === undefined
        ? Promise.reject(new Error('one connection too many'))
        : perform(socket, steps, options);
    play.catch(() => socket.destroy());
    plays.push(play);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const outcome = await client((server.address() as AddressInfo).port).then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    );
    // The script's own complaint says more than what the client made of it.
    const performed = Promise.all(plays);
    await ('error' in outcome ? Promise.race([performed, turn().then(() => turn())]) : performed);
    if ('error' in outcome) throw outcome.error;
    if (plays.length < scripts.length)
      throw new Error(`${plays.length} of ${scripts.length} connections were made`);
    return outcome.value;
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

async function perform(plain: Socket, steps: readonly Step[], options: DialogueOptions): Promise<void> {
  const ending = options.ending ?? '\r\n';
  let socket: Socket = plain;
  let lines = new Lines(socket);
  let pending = '';
  const flush = async () => {
    const bytes = Buffer.from(pending, 'latin1');
    pending = '';
    const size = options.chunk ?? bytes.length;
    for (let at = 0; at < bytes.length; at += size) {
      socket.write(bytes.subarray(at, at + size));
      if (size < bytes.length) await turn();
    }
  };
  const latin1 = (text: string) => Buffer.from(text, 'utf8').toString('latin1');
  for (const [index, { kind, text }] of steps.entries()) {
    if (kind === 'S') pending += latin1(unescapedLine(text)) + ending;
    else if (kind === 'S-') pending += unescaped(text);
    if (kind !== 'S' && kind !== 'S-') await flush();
    const at = `line ${index + 1} of the dialogue`;
    if (kind === 'C') {
      const line = await lines.next(at);
      if (line !== unescapedLine(text))
        throw new Error(`${at}: expected ${JSON.stringify(text)}, the client sent ${JSON.stringify(line)}`);
    } else if (kind === 'C~') {
      const line = await lines.next(at);
      if (!new RegExp(text, 's').test(line))
        throw new Error(`${at}: ${JSON.stringify(line)} does not match ${text}`);
    } else if (kind === 'C!') {
      for (let count = Number(text); count > 0; count--) await lines.next(at);
    } else if (kind === '*') {
      if (text === 'tls') {
        lines.detach();
        socket = await secured(socket, options.certificate, 'secure');
        lines = new Lines(socket);
      } else if (text === 'tls refused') {
        lines.detach();
        await secured(socket, options.certificate, 'close');
      } else if (text === 'bytes') {
        await lines.any();
      } else if (text === 'close') {
        socket.end();
      } else if (text === 'reset') {
        plain.resetAndDestroy();
      } else if (text === 'silence' || text === 'end') {
        const more = await lines.rest();
        if (more !== '' && text === 'end')
          throw new Error(`${at}: the client went on: ${JSON.stringify(more.slice(0, 200))}`);
      } else throw new Error(`${at}: unknown event ${text}`);
    }
  }
  await flush();
}

const unescapedLine = (text: string) => (text.includes('\\') ? unescaped(text) : text);

async function secured(
  socket: Socket,
  certificate: TestCertificate | undefined,
  awaited: 'secure' | 'close',
): Promise<Socket> {
  if (certificate === undefined) throw new Error('the dialogue has TLS but no certificate');
  const tls = new TLSSocket(socket, { isServer: true, secureContext: createSecureContext(certificate) });
  if (awaited === 'close') tls.resume();
  await new Promise<void>((resolve, reject) => {
    const gone = () =>
      awaited === 'close' ? resolve() : reject(new Error('the client broke the handshake off'));
    tls.once('secure', () => awaited === 'secure' && resolve());
    tls.on('error', gone);
    tls.once('close', gone);
    socket.once('close', gone);
  });
  return tls;
}

/** The client's lines; CRLF only, so that a bare LF shows up as part of a line. */
class Lines {
  #text = '';
  #over = false;
  #wake: (() => void) | undefined;
  readonly #socket: Socket;
  readonly #onData = (chunk: Buffer) => {
    this.#text += chunk.toString('utf8');
    this.#wake?.();
  };
  readonly #onEnd = () => {
    this.#over = true;
    this.#wake?.();
  };

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', this.#onData);
    for (const event of ['end', 'close', 'error']) socket.on(event, this.#onEnd);
  }

  detach(): void {
    this.#socket.removeListener('data', this.#onData);
  }

  async next(at: string): Promise<string> {
    for (;;) {
      const end = this.#text.indexOf('\r\n');
      if (end !== -1) {
        const line = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 2);
        return line;
      }
      if (this.#over)
        throw new Error(`${at}: the client has gone, having said ${JSON.stringify(this.#text)}`);
      await this.#more();
    }
  }

  async rest(): Promise<string> {
    while (!this.#over) await this.#more();
    return this.#text;
  }

  async any(): Promise<void> {
    while (this.#text === '' && !this.#over) await this.#more();
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
