import { Stuffer } from '../codec/dots.ts';
import { fitting } from './capabilities.ts';
import { canBeReadAgain } from './deliver.ts';
import { type Dialogue, WINDOW } from './dialogue.ts';
import { inDoubt, recipientsRefused } from './failures.ts';
import type { SmtpReply } from './reply.ts';
import type { Letter, Ready } from './row.ts';
import type { Command, Exchange } from './session.ts';
import { envelopeCommands } from './transaction.ts';
import { chunksOf } from './transfer.ts';

/** A message that fits in one chunk of this size can go without waiting for anything. */
const CHUNK_OCTETS = 256 * 1024;
/** So much may be under way, and so much of it leaves in one write. */
const FLIGHT_OCTETS = 1024 * 1024;
const WRITE_OCTETS = 64 * 1024;
/** RSET, MAIL and BDAT, beside RCPT for each recipient. */
const OTHER_COMMANDS = 3;

/** A message on its way, and the replies that it waits for. */
interface Flying<T> {
  readonly ready: Ready<T>;
  readonly commands: number;
  readonly octets: number;
}

/** What a row of chunks comes to. */
export interface ChunkRow<T> {
  /** The first message that cannot go this way; absent: there was no other. */
  readonly next: Ready<T> | undefined;
  /** What did not go out because the server had enough. */
  readonly unsent: readonly T[];
}

/**
 * Whether a message can go with its envelope in one write: asked for BDAT, small, to whoever is accepted, and such that it
 * can be read again if the server has enough before its turn.
 */
export function fitsChunkRow(
  { pipelining, protocol }: Dialogue,
  { task, recipients, limits }: Ready<unknown>,
) {
  const { chunking, requireAll, message } = task;
  return (
    chunking &&
    pipelining &&
    protocol === 'smtp' &&
    !requireAll &&
    canBeReadAgain(message) &&
    recipients.length <= WINDOW - OTHER_COMMANDS &&
    fitting(recipients, limits.rcptMax, limits).rest.length === 0 &&
    (message.whole?.length ?? message.size ?? Number.POSITIVE_INFINITY) <= CHUNK_OCTETS
  );
}

/**
 * Sends messages by BDAT (RFC 3030) without waiting for a reply between them: envelope and message leave together, and as
 * many follow as the window allows. RSET before each sees to it that a refused one leaves nothing open in which the next
 * could end up. A connection that is lost leaves every message in the window in doubt. Never fails: each message learns
 * its own fate.
 */
export async function sendChunkRow<T extends Letter>(
  dialogue: Dialogue,
  first: Ready<T>,
  nextReady: () => Promise<Ready<T> | undefined>,
): Promise<ChunkRow<T>> {
  const { connection } = dialogue;
  /** What is to leave in the next write, and what has left. */
  let packed: Flying<T>[] = [];
  let pieces: Uint8Array[] = [];
  const flying: Flying<T>[] = [];
  const unsent: T[] = [];
  let octets = 0;
  let hasLeft = false;
  let ready: Ready<T> | undefined = first;
  while (
    ready !== undefined &&
    !connection.isOver &&
    fitsChunkRow(dialogue, ready) &&
    hasTransaction(ready)
  ) {
    const bytes = await octetsOf(ready);
    if (bytes !== undefined) {
      if (!hasRoom(ready, bytes.length, 1)) {
        await flush();
        // Half of the window at once: what comes free by single messages would leave by single messages.
        while (flying.length > 0 && !hasRoom(ready, bytes.length, 2)) await settleOldest();
        if (connection.isOver) break;
      }
      pack(ready, bytes);
      if (pieces.reduce((sum, { length }) => sum + length, 0) > WRITE_OCTETS) await flush();
    }
    ready = await nextReady();
  }
  await flush();
  while (flying.length > 0) await settleOldest();
  return { next: ready, unsent };

  function hasTransaction({ limits }: Ready<T>): boolean {
    return dialogue.transactions + flying.length + packed.length < limits.mailMax;
  }

  function hasRoom({ recipients }: Ready<T>, size: number, share: number): boolean {
    return (
      dialogue.waiting + recipients.length + OTHER_COMMANDS <= WINDOW / share &&
      octets + size <= FLIGHT_OCTETS / share
    );
  }

  function pack(ready: Ready<T>, bytes: Uint8Array): void {
    const { task, recipients } = ready;
    const commands: Command[] = [
      ...(dialogue.waiting > 0 || dialogue.isOpen ? [{ verb: 'RSET' } as const] : []),
      ...envelopeCommands(task.mail, recipients),
      { verb: 'LAST', argument: String(bytes.length) },
    ];
    pieces.push(Buffer.from(commands.map((command) => dialogue.line(command)).join('')), bytes);
    connection.note(`the message, ${bytes.length} octets`);
    packed.push({ ready, commands: commands.length, octets: bytes.length });
    octets += bytes.length;
  }

  async function flush(): Promise<void> {
    const leaving = packed;
    const bytes = Buffer.concat(pieces);
    packed = [];
    pieces = [];
    if (leaving.length === 0) return;
    if (connection.isOver) {
      // One has to hear of it: where none can leave, the next connection may be over as soon, and the next.
      if (!hasLeft) failOver(leaving.shift());
      unsent.push(...leaving.map(({ ready }) => ready.letter));
      return;
    }
    hasLeft = true;
    try {
      await connection.write(bytes, leaving[0]?.ready.task.idleMs ?? 0, 'eod');
    } catch (error) {
      // The last of them cannot have left whole; what the server got of the others only its replies can tell.
      leaving.pop()?.ready.letter.failed(error);
    }
    flying.push(...leaving);
  }

  function failOver(flying: Flying<T> | undefined): void {
    try {
      connection.check('mail');
    } catch (error) {
      flying?.ready.letter.failed(error);
    }
  }

  /** Reads the replies to the oldest message. Without them, it and all behind it are in doubt. */
  async function settleOldest(): Promise<void> {
    const oldest = flying.shift() as Flying<T>;
    octets -= oldest.octets;
    let exchanges: readonly Exchange[];
    try {
      exchanges = await dialogue.answers(oldest.commands);
    } catch (error) {
      for (const { ready } of [oldest, ...flying.splice(0)]) {
        const everybody = ready.recipients.map(({ path }) => path);
        ready.letter.failed(inDoubt(error, connection, NOBODY, everybody));
      }
      return;
    }
    settle(dialogue, oldest, exchanges);
    // Behind 421 the server hears nothing more (RFC 5321 3.8).
    if (exchanges.at(-1)?.reply.code === 421)
      unsent.push(...flying.splice(0).map(({ ready }) => ready.letter));
  }
}

const NOBODY = { accepted: new Map<string, SmtpReply>(), rejected: new Map<string, SmtpReply>() };

/** Tells a message what its replies say. */
function settle<T extends Letter>(
  dialogue: Dialogue,
  { ready: { letter, recipients }, octets }: Flying<T>,
  exchanges: readonly Exchange[],
): void {
  const last = exchanges.at(-1);
  const mail = exchanges.find(({ verb }) => verb === 'MAIL');
  if (last?.verb !== 'LAST' || mail?.ok !== true) {
    letter.failed(dialogue.refusal(mail?.ok === false ? mail : last));
    return;
  }
  const accepted = new Map<string, SmtpReply>();
  const rejected = new Map<string, SmtpReply>();
  for (const [index, { ok, reply }] of exchanges.filter(({ verb }) => verb === 'RCPT').entries()) {
    (ok ? accepted : rejected).set(recipients[index]?.path as string, reply);
  }
  if (accepted.size === 0) letter.failed(recipientsRefused(rejected, recipients.length));
  else if (!last.ok) letter.failed(dialogue.refusal(last));
  else letter.sent({ accepted, rejected, reply: last.reply, size: octets });
}

/** The message as it goes out: its lines end in CRLF, but in a binary one. Undefined, and told, where its source fails. */
async function octetsOf<T extends Letter>({ letter, task }: Ready<T>): Promise<Uint8Array | undefined> {
  const { message } = task;
  const lines = message.binary === true ? undefined : new Stuffer(false);
  const pieces: Uint8Array[] = [];
  try {
    for await (const piece of chunksOf(message)) {
      // A chunk's memory is used again for the next.
      pieces.push(Buffer.from(lines === undefined ? piece : lines.stuff(piece)));
    }
  } catch (error) {
    letter.failed(error);
    return undefined;
  }
  if (lines !== undefined) pieces.push(lines.finish());
  return Buffer.concat(pieces);
}
