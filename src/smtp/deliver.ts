import { MailError } from '../errors.ts';
import { fitting, type Limits } from './capabilities.ts';
import type { Dialogue } from './dialogue.ts';
import type { Message } from './envelope.ts';
import { noTransactionsLeft, recipientsRefused } from './failures.ts';
import type { SmtpReply } from './reply.ts';
import { type Place, type Recipient, type Tally, type Task, transact } from './transaction.ts';

/** What became of a message that the server took: a reply for each recipient, and the last one that took the message. */
export interface Receipt {
  readonly accepted: ReadonlyMap<string, SmtpReply>;
  readonly rejected: ReadonlyMap<string, SmtpReply>;
  readonly reply: SmtpReply;
  /** Octets of the message as it was composed. */
  readonly size: number;
}

/**
 * Sends the message in as many transactions as the server needs for so many recipients: no more than its `limits` in one,
 * and those beyond what it takes (452) in the next, as long as the message can be read again and each takes somebody. One
 * that fails after another has succeeded is no error: its recipients are refused, and the rest is tried where the connection
 * allows; those for whom the session has no transaction left are refused for now. Nothing is split with `requireAll`, which
 * has to know about everybody before the message leaves. In a row of messages, `place` is this one's: its last transaction
 * opens the next one's first.
 */
export async function deliver(
  dialogue: Dialogue,
  task: Task,
  recipients: readonly Recipient[],
  limits: Limits,
  place?: Place,
): Promise<Receipt> {
  const tally: Tally = { accepted: new Map(), rejected: new Map() };
  const splits = !task.requireAll && canBeReadAgain(task.message);
  let atOnce = splits ? limits.rcptMax : recipients.length;
  let waiting = recipients;
  let opened = place?.opened === true;
  let last: { readonly reply: SmtpReply; readonly size: number } | undefined;
  while (waiting.length > 0) {
    const { these, rest } = splits ? fitting(waiting, atOnce, limits) : { these: waiting, rest: [] };
    const before = new Map(tally.rejected);
    const here = place && { opened, next: async () => (rest.length > 0 ? [] : await place.next()) };
    opened = false;
    try {
      if (here?.opened !== true && dialogue.transactions >= limits.mailMax)
        throw noTransactionsLeft(limits.mailMax);
      const { reply, size, taken, tooMany } = await transact(dialogue, task, these, tally, last?.size, here);
      if (reply !== undefined) last = { reply, size };
      if (splits && tooMany.length > 0) atOnce = taken;
      waiting = splits ? [...tooMany, ...rest] : [];
    } catch (error) {
      if (last === undefined || (error instanceof MailError && error.delivery === 'in-doubt')) throw error;
      const usable = error instanceof MailError && error.connectionUsable;
      for (const { path } of usable ? these : waiting) {
        // A refusal of its own, in this transaction, says more than what became of the others.
        const own = tally.rejected.get(path);
        if (own === undefined || own === before.get(path)) tally.rejected.set(path, replyOf(error, own));
      }
      waiting = usable ? rest : [];
    }
  }
  if (last === undefined) throw recipientsRefused(tally.rejected, recipients.length);
  return { ...tally, ...last };
}

/** Whether iterating once more begins anew: not so with a generator or a stream, which are used up. */
export function canBeReadAgain(message: Message): boolean {
  return !['next', 'pipe', 'getReader'].some((method) => method in message);
}

/** The reply that a failure stands for. Where the server gave none, the last it gave, or one in our words: for now. */
function replyOf(error: unknown, earlier: SmtpReply | undefined): SmtpReply {
  if (error instanceof MailError && error.reply !== undefined) {
    const { code, enhanced, text } = error.reply;
    return { code: Number(code), enhanced, text, lines: [text], mixed: false };
  }
  if (earlier !== undefined) return earlier;
  const text = `not sent: ${error instanceof Error ? error.message : String(error)}`;
  return { code: 451, enhanced: null, text, lines: [text], mixed: false };
}
