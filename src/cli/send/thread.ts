import { marked, subjectOf } from '../../mime/forward.ts';
import type { Draft, Mailbox, Source } from '../../mime/index.ts';
import { checkIsMessage } from '../../mime/message-header.ts';
import { replyFields } from '../../mime/reply.ts';
import type { Context } from '../context.ts';
import type { SendOptionValues } from './options.ts';
import { bodySource } from './spool.ts';

/** What a message takes from the one that it answers, or passes on. */
export interface Thread extends Pick<Draft, 'subject' | 'inReplyTo' | 'references' | 'forwarded'> {
  /** Who gets the answer where nobody is named. */
  readonly to?: readonly Mailbox[];
}

/** The messages of `--reply-to-message` and `--forward`, with the thread and the subject that follow from them. */
export async function threadOf(
  ctx: Context,
  options: SendOptionValues,
  needsRecipients: boolean,
): Promise<Thread> {
  const forwarded: Source[] = [];
  for (const path of options.forward ?? []) {
    const message = await bodySource(ctx, path, 'a message');
    await checkIsMessage(message, path === '-' ? 'what is forwarded' : path);
    forwarded.push(message);
  }
  const [first] = forwarded;
  const passedOn = {
    ...(forwarded.length === 0 ? {} : { forwarded }),
    ...(first === undefined || options.subject !== undefined
      ? {}
      : { subject: marked('Fwd', await subjectOf(first)) }),
  };
  if (options.replyToMessage === undefined) return passedOn;
  const source = await bodySource(ctx, options.replyToMessage, 'the message that is answered');
  await checkIsMessage(source, options.replyToMessage === '-' ? 'what is answered' : options.replyToMessage);
  const reply = await replyFields(source);
  return {
    ...passedOn,
    subject: marked('Re', await subjectOf(source)),
    ...(reply.inReplyTo === undefined ? {} : { inReplyTo: reply.inReplyTo }),
    ...(reply.references.length === 0 ? {} : { references: reply.references }),
    ...(needsRecipients ? { to: reply.to } : {}),
  };
}
