/** The sandbox's POP3 server: ours, by hand, and with nothing of the client's code. */
import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:net';
import { listen, stop } from './listener.ts';
import { type Pop3Context, Pop3Session } from './pop3-session.ts';

export interface Pop3Server {
  readonly port: number;
  close(): Promise<void>;
}

/** Starts listening on 127.0.0.1; `port` 0 takes a free one. */
export async function startPop3(port: number, context: Pop3Context): Promise<Pop3Server> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    context.onEvent({ type: 'connect', protocol: 'pop3' });
    socket.once('close', () => {
      sockets.delete(socket);
      context.onEvent({ type: 'close', protocol: 'pop3' });
    });
    void new Pop3Session(socket, context).run();
  });
  await listen(server, port);
  return {
    port: (server.address() as AddressInfo).port,
    close: () => stop(server, sockets),
  };
}
