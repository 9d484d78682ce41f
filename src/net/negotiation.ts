import type { Socket } from 'node:net';
import type { MailError } from '../errors.ts';

/**
 * What a proxy says before it steps aside. `take` gets each chunk and answers with what of it is no longer the proxy's,
 * as soon as the proxy has finished: that is read next from `socket`, which is paused then. Fails with what `take` throws,
 * or with `lost` when the connection ends before.
 */
export function negotiation(
  socket: Socket,
  take: (chunk: Buffer) => Buffer | undefined,
  lost: (cause?: unknown) => MailError,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (outcome: () => void) => {
      socket.off('data', hear).off('end', leave).off('close', leave).off('error', fail);
      outcome();
    };
    const hear = (chunk: Buffer) => {
      try {
        const rest = take(chunk);
        if (rest === undefined) return;
        socket.pause();
        settle(resolve);
        if (rest.length > 0) socket.unshift(rest);
      } catch (error) {
        settle(() => reject(error));
      }
    };
    const leave = () => settle(() => reject(lost()));
    const fail = (cause: unknown) => settle(() => reject(lost(cause)));
    socket.on('data', hear).on('end', leave).on('close', leave).on('error', fail);
  });
}
