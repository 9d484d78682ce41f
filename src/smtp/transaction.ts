import type { Dialogue } from './dialogue.ts';
import type { Message } from './envelope.ts';
import { inDoubt, recipientsRefused } from './failures.ts';
import type { SmtpReply } from './reply.ts';
import type { Command, Exchange } from './session.ts';
import { transfer } from './transfer.ts';

/** A forward-path, and the argument of RCPT that it becomes. */
export interface Recipient {
  readonly path: string;
  readonly argument: string;
}

/** What is the same in every transaction that a message takes. */
export interface Task {
  /** The argument of MAIL. */
  readonly mail: string;
  readonly message: Message;
  /** By BDAT in place of DATA. */
  readonly chunking: boolean;
  readonly requireAll: boolean;
  readonly idleMs: number;
  readonly onProgress: ((octets: number) => void) | undefined;
}

/** What became of each recipient so far, by forward-path. */
export interface Tally {
  readonly accepted: Map<string, SmtpReply>;
  readonly rejected: Map<string, SmtpReply>;
}

/** What one transaction came to. */
export interface Outcome {
  /** The reply that took the message; absent: nobody's was. */
  readonly reply: SmtpReply | undefined;
  /** Octets of the message as it was read; 0 where it was not. */
  readonly size: number;
  /** How many recipients the server took before it had enough. */
  readonly taken: number;
  /** Those refused only because there were enough before them. */
  readonly tooMany: readonly Recipient[];
}

/**
 * One mail transaction (RFC 5321 3.3), entered into `tally`. Throws where none of its recipients can have the message, or,
 * with `delivery: 'in-doubt'`, where they may have it. `expected` is the size that the message had before, if it was read
 * before.
 */
export async function transact(
  dialogue: Dialogue,
  task: Task,
  recipients: readonly Recipient[],
  tally: Tally,
  expected: number | undefined,
): Promise<Outcome> {
  if (dialogue.isOpen) await dialogue.ask({ verb: 'RSET' });
  const [answer, ...answers] = await dialogue.group([
    { verb: 'MAIL', argument: task.mail },
    ...recipients.map(({ argument }): Command => ({ verb: 'RCPT', argument })),
  ]);
  if (answer?.ok !== true) throw dialogue.refusal(answer);
  const taken: [path: string, reply: SmtpReply][] = [];
  const refused = new Map<string, SmtpReply>();
  const tooMany: Recipient[] = [];
  for (const [index, exchange] of answers.entries()) {
    if (exchange.reply.code === 421) throw dialogue.refusal(exchange);
    const recipient = recipients[index] as Recipient;
    if (exchange.ok) taken.push([recipient.path, exchange.reply]);
    else {
      refused.set(recipient.path, exchange.reply);
      if (taken.length > 0 && saysEnough(exchange.reply)) tooMany.push(recipient);
    }
  }
  if (task.requireAll && refused.size > 0) throw recipientsRefused(refused, recipients.length);
  for (const [path, reply] of refused) tally.rejected.set(path, reply);
  if (taken.length === 0) return { reply: undefined, size: 0, taken: 0, tooMany };

  const { verdicts, lost, size } = task.chunking
    ? await (await import('./chunks.ts')).transferChunks(dialogue, task, expected)
    : await transfer(dialogue, task, expected);
  const reply = dialogue.protocol === 'lmtp' ? enterEach(verdicts) : enterAll(verdicts[0]);
  return { reply, size, taken: taken.length, tooMany };

  /** SMTP: the one reply is everybody's. */
  function enterAll(verdict: Exchange | undefined): SmtpReply {
    if (verdict === undefined) throw inDoubt(lost, dialogue.connection, tally, [...new Map(taken).keys()]);
    if (!verdict.ok) throw dialogue.refusal(verdict);
    for (const [path, reply] of taken) enter(path, reply, true);
    return verdict.reply;
  }

  /** LMTP: each recipient's own reply, in the order of RCPT (RFC 2033 4.2). */
  function enterEach(verdicts: readonly Exchange[]): SmtpReply | undefined {
    let last: SmtpReply | undefined;
    const doubtful: string[] = [];
    for (const [index, [path]] of taken.entries()) {
      const verdict = verdicts[index];
      if (verdict === undefined) doubtful.push(path);
      else enter(path, verdict.reply, verdict.ok);
      if (verdict?.ok === true) last = verdict.reply;
    }
    if (doubtful.length > 0) throw inDoubt(lost, dialogue.connection, tally, doubtful);
    return last;
  }

  function enter(path: string, reply: SmtpReply, ok: boolean): void {
    (ok ? tally.accepted : tally.rejected).set(path, reply);
    if (ok) tally.rejected.delete(path);
  }
}

/**
 * Whether a refusal is about the number of recipients, and not about this one: 452 is also said of a full disk or mailbox,
 * and older servers say 552 (RFC 5321 4.5.3.1.10, RFC 3463 3.6).
 */
function saysEnough({ code, enhanced, text }: SmtpReply): boolean {
  if (code !== 452 && code !== 552) return false;
  if (enhanced !== null) return enhanced.endsWith('.5.3');
  return code === 452 || /too many recipients/i.test(text);
}
