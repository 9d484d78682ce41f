import { transactionArguments } from './arguments.ts';
import { type Capabilities, fitting, type Limits, serverTakes } from './capabilities.ts';
import { checkEnvelope, type Envelope, type Message } from './envelope.ts';
import { tooManyAtOnce } from './failures.ts';
import type { SendOptions } from './options.ts';
import { commandLine } from './session.ts';
import { envelopeCommands, type Recipient, type Task } from './transaction.ts';

/** A message in the form that suits the server, and what the server has to know of it. */
export interface Prepared {
  readonly task: Task;
  readonly recipients: readonly Recipient[];
  readonly limits: Limits;
}

/** Makes a message fit for a server that offers `capabilities`; throws what stands against it, before MAIL. */
export async function prepare(
  capabilities: Capabilities,
  limits: Limits,
  envelope: Envelope,
  unprepared: Message,
  { chunking: asked = false, requireAll = false, wishes = {}, onProgress }: SendOptions,
  idleMs: number,
): Promise<Prepared> {
  checkEnvelope(envelope);
  const message = (await unprepared.prepared?.(serverTakes(capabilities, asked))) ?? unprepared;
  const chunking = asked || message.binary === true;
  const { mail, recipients } = transactionArguments(capabilities, envelope, message, wishes, chunking);
  // What cannot be said has to show now: in a row it would leave, or fail to, behind the end of another message.
  for (const command of envelopeCommands(mail, recipients)) commandLine(command);
  if (requireAll && fitting(recipients, limits.rcptMax, limits).rest.length > 0)
    throw tooManyAtOnce(recipients.length, limits);
  return { task: { mail, message, chunking, requireAll, idleMs, onProgress }, recipients, limits };
}
