import { Stuffer } from '../codec/dots.ts';
import type { Dialogue } from './dialogue.ts';
import type { Exchange } from './session.ts';
import { type Body, checkSize, chunksOf, lastWords, readVerdicts, type Transferred } from './transfer.ts';

/** Large enough that the commands between chunks cost nothing. */
const CHUNK_OCTETS = 256 * 1024;
/** Room for the longest BDAT line before the octets, so that both leave in one piece. */
const LINE_ROOM = 32;
/** So many chunks may wait for their replies. */
const WINDOW = 4;

/**
 * The message by BDAT (RFC 3030 2): chunks of a told length, so that nothing is stuffed and nothing in it can be its end.
 * Lines end in CRLF nevertheless, but in a binary message. The last chunk leaves only after every octet of the source has.
 * A refused chunk stops the writing; the transaction then waits for RSET. `expected` as in `transfer`.
 */
export async function transferChunks(
  dialogue: Dialogue,
  { message, idleMs, onProgress }: Body,
  expected: number | undefined,
): Promise<Transferred> {
  const { connection } = dialogue;
  const lines = message.binary === true ? undefined : new Stuffer(false);
  const chunk = Buffer.allocUnsafe(LINE_ROOM + CHUNK_OCTETS);
  const window = dialogue.pipelining ? WINDOW : 1;
  let filled = 0;
  let size = 0;
  let refused: Exchange | undefined;

  async function write(verb: 'BDAT' | 'LAST'): Promise<void> {
    const line = dialogue.line({ verb, argument: String(filled) });
    const start = LINE_ROOM - line.length;
    chunk.write(line, start, 'latin1');
    await connection.write(
      chunk.subarray(start, LINE_ROOM + filled),
      idleMs,
      verb === 'LAST' ? 'eod' : 'data',
    );
    filled = 0;
  }

  /** Reads the replies that are there, and waits until there is room in the window. */
  async function settle(): Promise<void> {
    while (dialogue.waiting >= window || (dialogue.waiting > 0 && connection.hasLine())) {
      const exchange = await dialogue.receive();
      if (exchange.ok) continue;
      refused = exchange;
      throw dialogue.refusal(exchange);
    }
  }

  async function append(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      if (filled === CHUNK_OCTETS) {
        await settle();
        await write('BDAT');
      }
      const part = bytes.subarray(at, at + CHUNK_OCTETS - filled);
      chunk.set(part, LINE_ROOM + filled);
      filled += part.length;
      at += part.length;
    }
  }

  try {
    for await (const piece of chunksOf(message)) {
      await append(lines === undefined ? piece : lines.stuff(piece));
      size += piece.length;
      onProgress?.(size);
    }
    if (lines !== undefined) await append(lines.finish());
    checkSize(size, expected);
    await settle();
    await write('LAST');
  } catch (error) {
    if (refused !== undefined) throw await drained(dialogue, refused);
    const failure = await lastWords(dialogue, error);
    connection.close();
    throw failure;
  }
  const { verdicts, lost } = await readVerdicts(dialogue, dialogue.waiting);
  const early = verdicts.find(({ verb, ok }) => verb === 'BDAT' && !ok);
  // The last chunk is behind it already: no more is to be had from this connection.
  if (early !== undefined) throw dialogue.refusal({ ...early, early: true });
  return { verdicts: verdicts.filter(({ verb }) => verb === 'LAST'), lost, size };
}

/** The refusal, once the chunks behind it have their replies as well; without those the connection is of no more use. */
async function drained(dialogue: Dialogue, refused: Exchange): Promise<unknown> {
  try {
    while (dialogue.waiting > 0) await dialogue.receive();
  } catch {
    return dialogue.refusal({ ...refused, early: true });
  }
  return dialogue.refusal(refused);
}
