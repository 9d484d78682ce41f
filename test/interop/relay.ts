import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Where a relay cuts: when so many octets of that side have passed, or when it has said a word that ends a chunk. */
export interface Cut {
  readonly side: 'server' | 'client';
  readonly after?: number;
  readonly word?: string;
}

export interface Relay extends AsyncDisposable {
  readonly port: number;
  /** Octets of each side that went through, by the connection made last. */
  passed: { server: number; client: number };
  /** Whether a cut took place since this was last asked. */
  wasCut(): boolean;
  /** The cut for connections made from now on; absent: none. */
  cut: Cut | undefined;
}

/** Passes octets on between whoever connects to it and `to`, up to the cut, which resets both connections. */
export async function relayTo(to: { readonly host: string; readonly port: number }): Promise<Relay> {
  const sockets = new Set<Socket>();
  let happened = false;
  const server = createServer({ noDelay: true }, (client) => {
    const peer = connect({ ...to, noDelay: true });
    const { cut } = relay;
    const passed = { server: 0, client: 0 };
    relay.passed = passed;
    const pass = (side: Cut['side'], from: Socket, into: Socket) => {
      sockets.add(from);
      from.on('error', () => into.destroy());
      from.on('close', () => sockets.delete(from));
      from.on('end', () => into.end());
      from.on('data', (chunk: Buffer) => {
        const mine = cut?.side === side ? cut : undefined;
        const left = (mine?.after ?? Number.POSITIVE_INFINITY) - passed[side];
        const part = chunk.subarray(0, left);
        passed[side] += part.length;
        if (
          chunk.length >= left ||
          (mine?.word !== undefined && part.toString('latin1').endsWith(mine.word))
        ) {
          happened = true;
          // What is let through arrives: a reset at once might overtake it.
          into.write(part, () => {
            client.resetAndDestroy();
            peer.resetAndDestroy();
          });
          from.pause();
        } else if (!into.write(part)) {
          from.pause();
          into.once('drain', () => from.resume());
        }
      });
    };
    pass('client', client, peer);
    pass('server', peer, client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const relay: Relay = {
    port: (server.address() as AddressInfo).port,
    passed: { server: 0, client: 0 },
    cut: undefined,
    wasCut() {
      const was = happened;
      happened = false;
      return was;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
  return relay;
}
