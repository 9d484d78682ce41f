import { MailError, RecipientsError, type ReplyDetail } from '../../errors.ts';
import type { Receipt, SmtpClient, SmtpReply } from '../../smtp/index.ts';
import { replyLine } from '../../smtp/reply.ts';
import type { Context } from '../context.ts';
import { EXIT, exitOfReceipt } from '../exit.ts';
import { refusals } from '../failure.ts';

/** The document of `send` from the start. */
export const NOTHING_SENT = {
  status: 'failed',
  account: null,
  messageId: null,
  envelope: { from: null, to: [] },
  accepted: [],
  rejected: [],
  response: null,
  queueId: null,
  size: null,
  tls: null,
  auth: null,
  timingsMs: {},
  outboxId: null,
  copy: null,
  confirmed: null,
} as const;

/** What the connection was like, for the document. */
export function connectionFields({ tls, mechanism, timingsMs }: SmtpClient): Record<string, unknown> {
  return {
    tls: tls === undefined ? null : { version: tls.version, cipher: tls.cipher, verified: tls.verified },
    auth: mechanism ?? null,
    timingsMs: rounded(timingsMs),
  };
}

/** What a failure leaves known about the recipients, for the document. */
export function failureFields(error: unknown): Record<string, unknown> {
  return {
    status: error instanceof MailError && error.delivery === 'in-doubt' ? 'unknown' : 'failed',
    ...(error instanceof RecipientsError ? { rejected: byAddress(error.replies) } : {}),
    ...(error instanceof MailError && error.recipients !== undefined
      ? { accepted: byAddress(error.recipients.accepted), rejected: byAddress(error.recipients.rejected) }
      : {}),
  };
}

/** Says what became of a message that the server took, in text and document; resolves to the exit code. */
export function reportReceipt(
  ctx: Context,
  receipt: Receipt,
  client: SmtpClient,
  sent: { readonly messageId: string | undefined; readonly server: string; readonly totalMs: number },
): number {
  const { accepted, rejected, reply, size } = receipt;
  const exit = exitOfReceipt(receipt);
  const response = replyLine(reply);
  ctx.output.document({
    status: exit === EXIT.done ? 'sent' : 'partial',
    accepted: byAddress(accepted),
    rejected: byAddress(rejected),
    response,
    queueId: queueIdOf(ctx.output.redact(reply.text)),
    size,
    ...connectionFields(client),
    timingsMs: rounded({ ...client.timingsMs, total: sent.totalMs }),
  });
  const how = [client.tls?.version ?? 'no TLS', client.mechanism?.toLowerCase() ?? 'no log-in'].join(', ');
  ctx.output.success(
    `sent ${sent.messageId ?? 'the message'} to ${count(accepted.size)} via ${sent.server} (${how}) in ${(sent.totalMs / 1000).toFixed(1)} s: ${response}`,
  );
  if (exit !== EXIT.done) reportRefused(ctx, accepted, rejected);
  return exit;
}

function reportRefused(
  ctx: Context,
  accepted: ReadonlyMap<string, SmtpReply>,
  rejected: ReadonlyMap<string, SmtpReply>,
): void {
  const message = `${rejected.size} of ${count(accepted.size + rejected.size)} refused, the message went to the other${accepted.size === 1 ? '' : 's'}`;
  const hint = 'do not send the whole message again: send it to those alone who were refused';
  const [first] = rejected.values();
  ctx.output.error(message, hint, refusals(rejected));
  ctx.output.document({
    error: {
      code: 'EREJECTED',
      exit: EXIT.recipients,
      stage: 'rcpt',
      message,
      hint,
      retryable: false,
      reply: first === undefined ? null : replyFields(first),
    },
  });
}

function count(recipients: number): string {
  return recipients === 1 ? '1 recipient' : `${recipients} recipients`;
}

function byAddress(replies: ReadonlyMap<string, ReplyDetail>) {
  return [...replies].map(([address, reply]) => ({ address, reply: replyFields(reply) }));
}

function replyFields({ code, enhanced, text }: ReplyDetail): ReplyDetail {
  return { code, enhanced, text };
}

function rounded(timings: object): Record<string, number> {
  return Object.fromEntries(
    Object.entries(timings).map(([step, ms]) => [step, Math.round(Number(ms) * 10) / 10]),
  );
}

/** The name that the server gave the message, in the words of Postfix, Sendmail, Exim and OpenSMTPD; or null. */
export function queueIdOf(text: string): string | null {
  const found =
    /\bqueued as ([\w.-]{1,100})/i.exec(text) ??
    /\bid=([\w.-]{1,100})/i.exec(text) ??
    /^(?:2\.0\.0 )?([\w.-]{1,100}) Message accepted/i.exec(text);
  return found?.[1] ?? null;
}
