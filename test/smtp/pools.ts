import { type Message, type PoolOptions, type SendOptions, SmtpPool } from '../../src/smtp/index.ts';
import { streamOf } from '../feeds.ts';

export const named = (...names: string[]) => names.map((name) => `${name}@example.org`);

export function letter(text = 'hi\r\n'): Message {
  return { [Symbol.asyncIterator]: () => streamOf([text]) };
}

export function poolAt(port: number, options: Partial<PoolOptions> = {}): SmtpPool {
  return new SmtpPool({
    host: '127.0.0.1',
    port,
    security: 'none',
    ehlo: 'me',
    idleTimeoutMs: 2000,
    ...options,
  });
}

/** Hands all mails to a pool at once; gives what became of each. */
export async function sendAll(
  port: number,
  mails: readonly (readonly string[])[],
  options: Partial<PoolOptions> & { readonly send?: SendOptions; readonly message?: () => Message } = {},
): Promise<unknown[]> {
  await using pool = poolAt(port, options);
  const sent = mails.map((names) =>
    pool.send(
      { reversePath: 'a@example.org', recipients: named(...names) },
      (options.message ?? letter)(),
      options.send,
    ),
  );
  return (await Promise.allSettled(sent)).map((result) =>
    result.status === 'fulfilled'
      ? { accepted: [...result.value.accepted.keys()], rejected: [...result.value.rejected.keys()] }
      : result.reason,
  );
}

export const hello = (...keywords: string[]) => `
  S: 220 mx
  C: EHLO me
  ${['mx', ...keywords].map((keyword, at, all) => `S: 250${at < all.length - 1 ? '-' : ' '}${keyword}`).join('\n')}
`;
export const pipelining = hello('PIPELINING');
export const open = (...names: string[]) =>
  ['C: MAIL FROM:<a@example.org>', ...named(...names).map((path) => `C: RCPT TO:<${path}>`), 'C: DATA'].join(
    '\n',
  );
export const body = 'C: hi\nC: .';
export const bye = 'C: QUIT\nS: 221 bye';
export const taken = (...names: string[]) => ({ accepted: named(...names), rejected: [] });

/** Replies to an opening of one recipient, all of it taken. */
export const opened = 'S: 250 ok\nS: 250 ok\nS: 354 go on';

/** A message whose size is known. */
export function sized(): Message {
  return { ...letter(), size: 4 };
}

export class MailErrorOfSource extends Error {}

/** A message that can be read but once. */
export function oneTime(): Message {
  return streamOf(['hi\r\n']);
}
