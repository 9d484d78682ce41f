import { UsageError } from '../../errors.ts';
import { wireAddress } from '../../mime/index.ts';
import { checkIsMessage } from '../../mime/message-header.ts';
import { resentMessage } from '../../mime/resend.ts';
import type { Prepared } from '../commands/send.ts';
import type { Context } from '../context.ts';
import { dateOf } from './date.ts';
import { address, addresses, reversePath, sender } from './draft.ts';
import type { SendOptionValues } from './options.ts';
import { bodySource } from './spool.ts';

/** The message of `--resend`, with who sends it again and to whom; only the flags say that, never the message. */
export async function resent(ctx: Context, options: SendOptionValues, path: string): Promise<Prepared> {
  const to = addresses('--to', options.to);
  const cc = addresses('--cc', options.cc);
  const all = [...to, ...cc, ...addresses('--bcc', options.bcc)];
  if (all.length === 0) {
    throw new UsageError('nobody is named to send the message to', {
      hint: 'give -t ADDRESS (or -c, -b); those in the message have it',
    });
  }
  const from = sender(ctx);
  const behalf = options.sender === undefined ? undefined : address('--sender', options.sender);
  const resending = {
    from,
    to,
    cc,
    ...(behalf === undefined ? {} : { sender: behalf }),
    ...(options.date === undefined ? {} : { date: dateOf('--date', options.date) }),
    ...(options.messageId === undefined ? {} : { messageId: options.messageId }),
  };
  const unique = options.seed === undefined ? undefined : (await import('./seed.ts')).seeded(options);
  const source = await bodySource(ctx, path, 'the message');
  await checkIsMessage(source, path === '-' ? 'what is sent again' : path);
  const message = await resentMessage(source, resending, unique);
  return {
    envelope: {
      reversePath: reversePath(ctx, () => wireAddress((behalf ?? from).address)),
      recipients: [...new Set(all.map((mailbox) => wireAddress(mailbox.address)))],
    },
    message,
    messageId: message.messageId,
  };
}
