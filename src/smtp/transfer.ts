import { Stuffer } from '../codec/dots.ts';
import { MailError } from '../errors.ts';
import type { Dialogue } from './dialogue.ts';
import type { Message } from './envelope.ts';
import { inDoubt } from './failures.ts';
import type { SmtpReply } from './reply.ts';

/** What may be kept back to leave in one packet with what follows. */
const SMALL = 16 * 1024;

/**
 * Writes the message behind the 354 reply, and reads the verdict. The dot leaves only after every octet of its source has:
 * a source that fails, or a server that answers early, leaves no message behind. After the dot a missing reply is an error
 * with `delivery: 'in-doubt'` (RFC 1047).
 */
export async function transfer(
  dialogue: Dialogue,
  message: Message,
  idleMs: number,
  onProgress: ((octets: number) => void) | undefined,
): Promise<{ readonly reply: SmtpReply; readonly size: number }> {
  const { connection } = dialogue;
  const stuffer = new Stuffer();
  let size = 0;
  let held: Uint8Array = new Uint8Array();
  try {
    for await (const chunk of message) {
      if (held.length > 0) await connection.write(held, idleMs, 'data');
      if (connection.hasLine()) throw dialogue.refusal(await dialogue.receive());
      const stuffed = stuffer.stuff(chunk);
      // What is small waits for what follows: a small message leaves together with its dot, in one packet.
      if (stuffed.length <= SMALL) held = Buffer.from(stuffed);
      else {
        await connection.write(stuffed, idleMs, 'data');
        held = new Uint8Array();
      }
      size += chunk.length;
      onProgress?.(size);
    }
    dialogue.end();
    connection.note(`the message, ${size} octets, and the dot that ends it`);
    await connection.write(Buffer.concat([held, stuffer.finish()]), idleMs, 'eod');
  } catch (error) {
    // Without its dot the message does not exist for the server; what it said about that outranks a broken socket.
    const failure = connection.hasLine() ? await lastWords(dialogue, error) : error;
    connection.close();
    throw failure;
  }
  try {
    const exchange = await dialogue.receive();
    if (!exchange.ok) throw dialogue.refusal(exchange);
    return { reply: exchange.reply, size };
  } catch (error) {
    if (error instanceof MailError && error.reply !== undefined) throw error;
    connection.close();
    throw inDoubt(error, connection);
  }
}

async function lastWords(dialogue: Dialogue, instead: unknown): Promise<unknown> {
  try {
    const exchange = await dialogue.receive();
    return exchange.ok ? instead : dialogue.refusal(exchange);
  } catch {
    return instead;
  }
}
