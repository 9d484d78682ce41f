import { Stuffer } from '../codec/dots.ts';
import { DataError } from '../errors.ts';
import type { Dialogue } from './dialogue.ts';
import type { Message } from './envelope.ts';
import type { Command, Exchange } from './session.ts';

/** What may be kept back to leave in one packet with what follows. */
const SMALL = 16 * 1024;

/** A message on its way out. */
export interface Body {
  readonly message: Message;
  readonly idleMs: number;
  readonly onProgress: ((octets: number) => void) | undefined;
}

/** What the server made of a message that has left whole. */
export interface Transferred {
  /** One, or in LMTP one for each accepted recipient, in order. Those that did not come are missing: `lost` says why. */
  readonly verdicts: readonly Exchange[];
  readonly lost: unknown;
  /** Octets of the message as it was read. */
  readonly size: number;
}

/** What is different in a row of transactions. */
export interface InRow {
  /** DATA was asked, and answered by 354, with the envelope. */
  readonly begun: boolean;
  /** Gives the commands that leave behind the end of the message. */
  readonly behind: (() => Promise<readonly Command[]>) | undefined;
}

/**
 * Writes DATA, and the message behind the 354 reply, and reads what is said of it. The dot leaves only after every octet of its source has:
 * a source that fails, or a server that answers early, leaves no message behind. So does one that is not of the `expected`
 * size: what is read a second time has to be what was read the first time.
 */
export async function transfer(
  dialogue: Dialogue,
  { message, idleMs, onProgress }: Body,
  expected: number | undefined,
  { begun, behind }: InRow = { begun: false, behind: undefined },
): Promise<Transferred> {
  if (!begun) await dialogue.ask({ verb: 'DATA' });
  const { connection } = dialogue;
  const stuffer = new Stuffer();
  let size = 0;
  let held: Uint8Array[] = [];
  let heldOctets = 0;
  let following: readonly Command[] = [];
  let due = 0;
  try {
    for await (const chunk of chunksOf(message)) {
      await heed();
      const stuffed = stuffer.stuff(chunk);
      // What is small waits for what follows: a small message leaves together with its dot, in one packet.
      if (heldOctets + stuffed.length > SMALL && heldOctets > 0) {
        await connection.write(Buffer.concat(held), idleMs, 'data', true);
        held = [];
        heldOctets = 0;
      }
      if (stuffed.length > SMALL) await connection.write(stuffed, idleMs, 'data', true);
      else {
        held.push(Buffer.from(stuffed)); // the chunk's memory is used again
        heldOctets += stuffed.length;
      }
      size += chunk.length;
      onProgress?.(size);
    }
    checkSize(size, expected);
    following = (await behind?.()) ?? following;
    await heed();
    connection.check('data');
    dialogue.end();
    due = dialogue.waiting;
    connection.note(`the message, ${size} octets, and the dot that ends it`);
    const lines = following.map((command) => dialogue.line(command)).join('');
    await connection.write(Buffer.concat([...held, stuffer.finish(), Buffer.from(lines)]), idleMs, 'eod');
  } catch (error) {
    // The dot may have left without all of what follows it.
    if (due > 0 && following.length > 0) return { verdicts: [], lost: error, size };
    // Without its dot the message does not exist for the server; what it said about that outranks a broken socket.
    const failure = await lastWords(dialogue, error);
    connection.close();
    throw failure;
  }
  return { ...(await readVerdicts(dialogue, due)), size };

  /** What the server says before the end is its last word on the message. */
  async function heed(): Promise<void> {
    if (connection.hasLine()) throw dialogue.refusal(await dialogue.receive());
  }
}

/** The message's octets; without a detour where they are in memory. */
export function chunksOf(message: Message): AsyncIterable<Uint8Array> | Iterable<Uint8Array> {
  return message.whole === undefined ? message : [message.whole];
}

export function checkSize(size: number, expected: number | undefined): void {
  if (expected === undefined || size === expected) return;
  throw new DataError(`the message was ${expected} octets long, and ${size} when it was read again`, {
    stage: 'data',
  });
}

/** The `due` replies to a message that has left, those to its chunks first; that one is missing is told, not thrown. */
export async function readVerdicts(
  dialogue: Dialogue,
  due: number,
): Promise<Pick<Transferred, 'verdicts' | 'lost'>> {
  const verdicts: Exchange[] = [];
  try {
    while (verdicts.length < due && dialogue.waiting > 0) {
      const exchange = await dialogue.receive();
      verdicts.push(exchange);
      if (exchange.verb === 'BDAT' && !exchange.ok) break; // what follows it is no verdict
    }
  } catch (error) {
    return { verdicts, lost: error };
  }
  const last = verdicts.at(-1);
  return { verdicts, lost: last === undefined || last.ok ? undefined : dialogue.refusal(last) };
}

/** What the server said, if it did, as a failure; else `instead`. */
export async function lastWords(dialogue: Dialogue, instead: unknown): Promise<unknown> {
  try {
    while (dialogue.connection.hasLine()) {
      const exchange = await dialogue.receive();
      if (!exchange.ok) return dialogue.refusal(exchange);
    }
  } catch {
    // Neither is that an answer.
  }
  return instead;
}
