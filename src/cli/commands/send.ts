import type { Account } from '../../config/index.ts';
import { DataError, MailError, RecipientsError, UsageError } from '../../errors.ts';
import { compose, envelopeOf, rawMessage, wireAddress } from '../../mime/index.ts';
import { checkIsMessage } from '../../mime/message-header.ts';
import type { Envelope, Message, SmtpClient, Wishes } from '../../smtp/index.ts';
import { connectSmtp, placeOf } from '../connection.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import { addresses, checkOptions, draftOf, reversePath, sender } from '../send/draft.ts';
import { defineSend, hasWishes, type SendOptionValues } from '../send/options.ts';
import { connectionFields, failureFields, NOTHING_SENT, reportReceipt } from '../send/report.ts';
import { withRetry } from '../send/retry.ts';
import type { SentCopy } from '../send/save-copy.ts';
import { bodySource } from '../send/spool.ts';
import type { Thread } from '../send/thread.ts';
import type { CommandDefinition } from './command.ts';

export const command: CommandDefinition<SendOptionValues> = {
  connects: ['smtp'],
  document: NOTHING_SENT,
  composes: true,
  signs: true,
  examples: [
    'echo "Backup finished" | mailtool send -t ops@example.org -s "backup ok" -A backup.log',
    "mailtool send -t 'Ann <ann@example.org>, bob@example.org' -s Report -m 'See attached.' -A 'q3.pdf;name=Q3.pdf'",
    'mailtool send --json -t team@example.org -s "build failed" --text-file log.txt | jq .status',
  ],
  notes:
    'Nothing is printed on success unless standard error is a terminal, or with -v. Exit 67: some did not get it and are\n' +
    'named; 75: try again later; 79: it may have been sent. mailtool help exit-codes has them all.\n',
  define: defineSend,
  async run(ctx, _, options) {
    const started = performance.now();
    ctx.output.document({ account: ctx.settings.accountOf('smtp') });
    let sent: Sent;
    try {
      sent = await send(ctx, options, started);
    } catch (error) {
      ctx.output.document(failureFields(error));
      throw error;
    }
    // From here on it is sent, and nothing can make that a failure.
    return sent.exit === EXIT.done && sent.confirmed !== undefined ? sent.confirmed() : sent.exit;
  },
};

/** What is to be sent. */
export interface Prepared {
  readonly envelope: Envelope;
  readonly message: Message;
  readonly messageId: string | undefined;
}

/** What sending came to. */
interface Sent {
  readonly exit: number;
  /** With --confirm: waits until the message is in the maildrop, and gives the exit code. */
  readonly confirmed?: (() => Promise<number>) | undefined;
}

interface Delivery {
  readonly options: SendOptionValues;
  readonly account: Account;
  readonly wishes: Wishes | undefined;
  readonly started: number;
}

async function send(ctx: Context, options: SendOptionValues, started: number): Promise<Sent> {
  checkOptions(options, ctx.settings.is('smtp.password-stdin'));
  // Everything that can be checked is checked before a socket opens.
  const account = options.dryRun === true ? undefined : await ctx.account('smtp');
  const wishes = hasWishes(options)
    ? await (await import('../send/wishes.ts')).wishesOf(options, account)
    : undefined;
  const sign = wantsSignature(ctx)
    ? await (await import('../send/signature.ts')).signatureOf(ctx)
    : undefined;
  const unsigned =
    options.raw !== undefined
      ? await raw(ctx, options, options.raw)
      : options.resend !== undefined
        ? await (await import('../send/resend.ts')).resent(ctx, options, options.resend)
        : await composed(ctx, sign === undefined ? options : { ...options, encoding: signable(options) });
  if (unsigned === undefined) {
    ctx.output.document({ status: 'skipped' });
    ctx.output.success('the body is empty: nothing was sent');
    return { exit: EXIT.done };
  }
  const prepared = sign === undefined ? unsigned : { ...unsigned, message: await sign(unsigned.message) };
  const { envelope, message, messageId } = prepared;
  ctx.output.document({
    messageId: messageId ?? null,
    envelope: { from: envelope.reversePath, to: envelope.recipients },
    size: message.size ?? null,
  });
  if (account === undefined) {
    const { dryRun } = await import('../send/dry-run.ts');
    return { exit: await dryRun(ctx, prepared, { wishes, chunking: options.chunking === true }) };
  }

  if (options.lmtp === true) checkLmtp(account);
  const copy =
    options.saveCopy === undefined
      ? undefined
      : await (await import('../send/save-copy.ts')).SentCopy.prepare(options.saveCopy);
  try {
    const confirmed =
      options.confirm === true
        ? await (await import('../send/confirm.ts')).confirmation(ctx, options, messageId)
        : undefined;
    return { exit: await deliver(ctx, prepared, { options, account, wishes, started }, copy), confirmed };
  } finally {
    await copy?.discard();
  }
}

/** Connects, sends, reports, and keeps a copy of what was sent. */
async function deliver(
  ctx: Context,
  prepared: Prepared,
  { options, account, wishes, started }: Delivery,
  copy: SentCopy | undefined,
): Promise<number> {
  const protocol = options.lmtp === true ? 'lmtp' : 'smtp';
  const how = { requireAll: options.requireAll === true, chunking: options.chunking === true, wishes };
  const { client, receipt } = await withRetry(ctx, options.retryFor, async () => {
    const client = await connectSmtp(ctx, (to) => ({ ...to, protocol }));
    ctx.output.document(connectionFields(client));
    const message = copy?.watched(prepared.message) ?? prepared.message;
    return { client, receipt: await transfer(ctx, client, { ...prepared, message }, how) };
  });
  const server = placeOf(account);
  const exit = reportReceipt(ctx, receipt, client, {
    messageId: prepared.messageId,
    server,
    totalMs: performance.now() - started,
  });
  await client.quit();
  if (copy !== undefined) await keep(ctx, copy);
  return exit;
}

function wantsSignature({ settings }: Context): boolean {
  return (['dkim.key', 'dkim.selector', 'dkim.domain'] as const).some(
    (key) => settings.stated(key) !== undefined,
  );
}

/** RFC 6376 5.3: what a relay might encode anew would lose its signature, and so is 7-bit unless it is asked for. */
function signable({ encoding = 'auto' }: SendOptionValues): '7bit' | '8bit' {
  if (encoding === 'binary') {
    throw new UsageError('--encoding binary cannot go with a DKIM signature, which is one of lines', {
      hint: 'leave one of them out',
    });
  }
  return encoding === '8bit' ? '8bit' : '7bit';
}

/** What was sent is sent: that there is no copy of it is a pity, and no reason to send it again. */
async function keep(ctx: Context, copy: SentCopy): Promise<void> {
  try {
    ctx.output.document({ copy: await copy.save() });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    ctx.output.warn(`the message was sent, but there is no copy of it: ${reason}`);
  }
}

/** RFC 2033 5: what listens on port 25 speaks SMTP, and a relay that speaks LMTP there would lose mail. */
function checkLmtp({ host, port }: Account): void {
  if (host.startsWith('/') || port !== 25) return;
  throw new UsageError('LMTP is not spoken on port 25', {
    hint: 'give --smtp-port (24 is usual), or --smtp-host with the path of a Unix socket',
  });
}

async function transfer(
  ctx: Context,
  client: SmtpClient,
  { envelope, message }: Prepared,
  how: {
    readonly requireAll: boolean;
    readonly chunking: boolean;
    readonly wishes: Wishes | undefined;
  },
) {
  const progress = ctx.progress({ label: 'sending', total: message.size });
  try {
    return await client.send(envelope, message, { ...how, onProgress: (sent) => progress.update(sent) });
  } catch (error) {
    if (error instanceof MailError && error.connectionUsable) await client.quit();
    else client.close();
    if (how.requireAll && error instanceof RecipientsError) {
      ctx.output.verbose('--require-all: the message was sent to nobody');
    }
    throw error;
  } finally {
    progress.finish();
  }
}

async function composed(ctx: Context, options: SendOptionValues): Promise<Prepared | undefined> {
  const cc = addresses('--cc', options.cc);
  const bcc = addresses('--bcc', options.bcc);
  const typed = addresses('--to', options.to);
  const nobody = typed.length + cc.length + bcc.length === 0;
  const follows = options.replyToMessage !== undefined || options.forward !== undefined;
  const thread: Thread = follows
    ? await (await import('../send/thread.ts')).threadOf(ctx, options, nobody)
    : {};
  const to = thread.to ?? typed;
  if (to.length + cc.length + bcc.length === 0) {
    throw new UsageError('the message has no recipient', { hint: 'give -t ADDRESS (or -c, -b)' });
  }
  const from = sender(ctx);
  const draft = await draftOf(ctx, options, { from, to, cc, bcc }, thread);
  if (draft === undefined) return undefined;
  const unique = options.seed === undefined ? undefined : (await import('../send/seed.ts')).seeded(options);
  const composed = await compose(draft, unique);
  // Without a server to ask, what is printed is what was asked for.
  const eightBit = options.dryRun === true && options.encoding === '8bit';
  const message = eightBit ? composed.prepared({ eightBit, binary: false, utf8: false }) : composed;
  const envelope = envelopeOf(draft);
  return {
    envelope: { ...envelope, reversePath: reversePath(ctx, () => envelope.reversePath) },
    message,
    messageId: message.messageId,
  };
}

async function raw(ctx: Context, options: SendOptionValues, path: string): Promise<Prepared> {
  const typed = [...addresses('--to', options.to), ...addresses('--bcc', options.bcc)];
  const source = await bodySource(ctx, path, 'the message');
  await checkIsMessage(source, path === '-' ? 'what is sent' : path);
  const asItIs = await rawMessage(source);
  const message =
    options.encoding === '7bit'
      ? await asItIs.prepared({ eightBit: false, binary: false, utf8: false })
      : asItIs;
  const recipients =
    typed.length > 0
      ? [...new Set(typed.map(({ address }) => wireAddress(address)))]
      : message.envelope.recipients;
  if (recipients.length === 0) {
    throw new DataError('the message names no recipients', {
      stage: 'compose',
      hint: 'give them with -t ADDRESS',
    });
  }
  // What was typed says who sends it, then the message itself, and only then what is set for all messages.
  const author = ctx.settings.stated('from')?.layer === 'flag' ? undefined : message.envelope.reversePath;
  const envelope = {
    reversePath: reversePath(ctx, () => author ?? wireAddress(sender(ctx).address)),
    recipients,
  };
  return { envelope, message, messageId: message.messageId };
}
