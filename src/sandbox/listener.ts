/** Starting and stopping a server on loopback. */
import type { Server, Socket } from 'node:net';
import { ConnectionError } from '../errors.ts';

/** The only address the sandbox listens on. */
export const HOST = '127.0.0.1';

/** How long sessions may take to end by themselves when the sandbox closes. */
export const GRACE_MS = 250;

export async function listen(server: Server, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const refused = (cause: NodeJS.ErrnoException): void => {
      const why = cause.code === 'EADDRINUSE' ? 'it is in use' : (cause.code ?? cause.message);
      reject(
        new ConnectionError(
          `cannot listen on ${HOST}:${port}: ${why}`,
          { phase: 'connect', host: HOST, port },
          { stage: 'connect', hint: 'Choose another port, or 0 for any free one.', retryable: false, cause },
        ),
      );
    };
    server.once('error', refused);
    server.listen(port, HOST, () => {
      server.off('error', refused);
      resolve();
    });
  });
}

/** Stops listening, and ends what is open: gently first, at once after a moment. */
export async function stop(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const timer = setTimeout(() => {
    for (const socket of sockets) socket.destroy();
  }, GRACE_MS);
  await closed;
  clearTimeout(timer);
}
