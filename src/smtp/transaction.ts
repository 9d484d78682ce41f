import { type Dialogue, WINDOW } from './dialogue.ts';
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

/** A transaction's place in a row of many on one connection. */
export interface Place {
  /** Its opening has left already, behind the end of the message before: the replies are due. */
  readonly opened: boolean;
  /** Gives what opens the next transaction, to leave behind the end of this message; nothing where none waits. */
  readonly next: () => Promise<readonly Command[]>;
}

/**
 * MAIL, RCPT and DATA in one group: only in a row, where the message goes to whoever is accepted. Undefined where the
 * replies to RCPT have to be known first.
 */
export function opening(
  { pipelining, protocol }: Dialogue,
  { mail, requireAll, chunking }: Task,
  recipients: readonly Recipient[],
): readonly Command[] | undefined {
  const commands = envelopeCommands(mail, recipients);
  // LMTP answers a message to nobody with nothing at all (RFC 2033 4.2).
  if (!pipelining || protocol === 'lmtp' || requireAll || chunking || commands.length + 2 > WINDOW)
    return undefined;
  return [...commands, { verb: 'DATA' }];
}

/** MAIL, and RCPT for each recipient. */
export function envelopeCommands(mail: string, recipients: readonly Recipient[]): Command[] {
  return [
    { verb: 'MAIL', argument: mail },
    ...recipients.map(({ argument }): Command => ({ verb: 'RCPT', argument })),
  ];
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
  place?: Place,
): Promise<Outcome> {
  const { mail, rcpts, data } = await open(dialogue, task, recipients, place);
  if (mail?.ok !== true) throw dialogue.refusal(mail);
  const taken: [path: string, reply: SmtpReply][] = [];
  const refused = new Map<string, SmtpReply>();
  const tooMany: Recipient[] = [];
  for (const [index, exchange] of rcpts.entries()) {
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

  if (data?.ok === false) throw dialogue.refusal(data);
  const { verdicts, lost, size } = task.chunking
    ? await (await import('./chunks.ts')).transferChunks(dialogue, task, expected)
    : await transfer(dialogue, task, expected, {
        begun: data !== undefined,
        behind: tooMany.length === 0 && dialogue.pipelining ? place?.next : undefined,
      });
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

interface Opened {
  readonly mail: Exchange | undefined;
  readonly rcpts: readonly Exchange[];
  /** Absent: DATA waits for the replies to RCPT to be read. */
  readonly data: Exchange | undefined;
}

/** Opens the transaction, or reads the replies to the opening that has left. Throws 421 in place of any of them. */
async function open(
  dialogue: Dialogue,
  task: Task,
  recipients: readonly Recipient[],
  place: Place | undefined,
): Promise<Opened> {
  const whole = place === undefined ? undefined : opening(dialogue, task, recipients);
  const commands = whole ?? envelopeCommands(task.mail, recipients);
  const reset: Command[] = dialogue.isOpen ? [{ verb: 'RSET' }] : [];
  const exchanges =
    place?.opened === true
      ? await dialogue.answers(commands.length)
      : await dialogue.group([...reset, ...commands]);
  const last = exchanges.at(-1);
  if (last?.reply.code === 421) throw dialogue.refusal(last);
  const [mail, ...rest] = exchanges.slice(place?.opened === true ? 0 : reset.length);
  const rcpts = rest.filter(({ verb }) => verb === 'RCPT');
  const data = rest.find(({ verb }) => verb === 'DATA');
  if (data?.ok === true && !(mail?.ok === true && rcpts.some(({ ok }) => ok))) {
    // The server waits for a message to nobody: an empty one is the only way back (RFC 2920 3.1).
    await dialogue.exchange({ verb: 'END' });
  }
  return { mail, rcpts, data };
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
