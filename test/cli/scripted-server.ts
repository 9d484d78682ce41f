import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';

/** A server on loopback that plays a part, for the command to be run against. */
export interface ScriptedServer extends AsyncDisposable {
  readonly port: number;
  /** Every line the clients sent. */
  readonly lines: string[];
}

export type Answer = string | typeof HANG_UP | typeof SILENCE;
/** Closes the connection without a word. */
export const HANG_UP = Symbol('hang up');
/** Says nothing any more, and stays. */
export const SILENCE = Symbol('silence');

/** Answers each line of a client by `answer`; `greeting` comes first, and before it TLS where `tls` says so. */
export async function lineServer(
  greeting: Answer,
  answer: (line: string, socket: Socket) => Answer,
  tls?: TlsOptions,
): Promise<ScriptedServer> {
  const lines: string[] = [];
  const sockets = new Set<Socket>();
  const serve = (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    let over = false;
    const say = (what: Answer) => {
      if (over) return;
      over = what === HANG_UP || what === SILENCE;
      if (what === HANG_UP) socket.end();
      else if (what !== SILENCE) socket.write(what);
    };
    say(greeting);
    let held = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      held += chunk;
      for (let end = held.indexOf('\n'); end !== -1; end = held.indexOf('\n')) {
        const line = held.slice(0, end).replace(/\r$/, '');
        held = held.slice(end + 1);
        lines.push(line);
        say(answer(line, socket));
      }
    });
  };
  const server: Server = tls === undefined ? createServer(serve) : createTlsServer(tls, serve);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    lines,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** An SMTP server that takes everything; `change` may answer a command (its first word, or `.`) otherwise, and reading may pause after one. */
export function smtpServer(
  change: Readonly<Record<string, Answer | ((line: string) => Answer | undefined)>> = {},
  pause?: { readonly pauseAt: string; readonly until: Promise<void> },
  tls?: TlsOptions,
): Promise<ScriptedServer> {
  let inData = false;
  const usual: Readonly<Record<string, string>> = {
    EHLO: '250-mx.example.org\r\n250-PIPELINING\r\n250-SIZE 10000000\r\n250-8BITMIME\r\n250 AUTH PLAIN\r\n',
    AUTH: '235 2.7.0 ok\r\n',
    DATA: '354 go on\r\n',
    '.': '250 2.0.0 Ok: queued as 4BXzzz\r\n',
    QUIT: '221 bye\r\n',
  };
  const greeting = change['GREETING'] ?? '220 mx.example.org ESMTP\r\n';
  const answer = (line: string, socket: Socket): Answer => {
    if (inData && line !== '.') return '';
    const verb = line.split(' ')[0]?.toUpperCase() ?? '';
    const changed = change[verb];
    const special = typeof changed === 'function' ? changed(line) : changed;
    const said = special ?? usual[verb] ?? '250 2.1.0 ok\r\n';
    if (verb === pause?.pauseAt) {
      socket.pause();
      void pause.until.then(() => socket.resume());
    }
    inData = verb === 'DATA' && typeof said === 'string' && said.startsWith('354');
    return said;
  };
  return lineServer(typeof greeting === 'function' ? SILENCE : greeting, answer, tls);
}
