import { fitting } from './capabilities.ts';
import { deliver, type Receipt } from './deliver.ts';
import type { Dialogue } from './dialogue.ts';
import type { Envelope, Message } from './envelope.ts';
import type { SendOptions } from './options.ts';
import type { Prepared } from './prepare.ts';
import { opening, type Place } from './transaction.ts';

/** One of many messages. It is told once what became of it: `sent`, or `failed`. */
export interface Letter {
  readonly envelope: Envelope;
  readonly message: Message;
  readonly options?: SendOptions | undefined;
  sent(receipt: Receipt): void;
  failed(error: unknown): void;
}

/** One whose turn it is. */
export interface Ready<T> extends Prepared {
  readonly letter: T;
}

/**
 * Sends what `next` gives, one message after another, until it gives nothing or the connection is over. With PIPELINING
 * the end of one and the opening of the next (MAIL, RCPT, DATA) leave in one group: one round trip a message. Never fails:
 * each message learns its own fate. Gives back what was taken from `next` and did not go out, also because the session has
 * no transaction left (RFC 9422 4.1).
 */
export async function sendRow<T extends Letter>(
  dialogue: Dialogue,
  prepare: (letter: T) => Promise<Prepared>,
  next: () => T | undefined,
): Promise<readonly T[]> {
  let opened = false;
  let ready = await nextReady();
  while (ready !== undefined) {
    if (!opened && dialogue.transactions >= ready.limits.mailMax) return [ready.letter];
    if (ready.task.chunking && !dialogue.connection.isOver) {
      const { fitsChunkRow, sendChunkRow } = await import('./chunk-row.ts');
      if (fitsChunkRow(dialogue, ready)) {
        const { next: other, unsent } = await sendChunkRow(dialogue, ready, nextReady);
        if (dialogue.connection.isOver) return other === undefined ? unsent : [...unsent, other.letter];
        ready = other;
        continue;
      }
    }
    const { letter, task, recipients, limits } = ready;
    let following: Ready<T> | undefined;
    let isOpening = false;
    const place: Place = {
      opened,
      async next() {
        following = await nextReady();
        const commands = following && openingOf(dialogue, following);
        isOpening = commands !== undefined;
        return commands ?? [];
      },
    };
    try {
      letter.sent(await deliver(dialogue, task, recipients, limits, place));
    } catch (error) {
      letter.failed(error);
    }
    if (dialogue.connection.isOver) return following === undefined ? [] : [following.letter];
    ready = following ?? (await nextReady());
    opened = isOpening;
  }
  return [];

  /** The next message that can go; those that cannot are told so. */
  async function nextReady(): Promise<Ready<T> | undefined> {
    for (;;) {
      const letter = next();
      if (letter === undefined) return undefined;
      try {
        return { letter, ...(await prepare(letter)) };
      } catch (error) {
        letter.failed(error);
      }
    }
  }
}

function openingOf(dialogue: Dialogue, { task, recipients, limits }: Prepared) {
  const fits = fitting(recipients, limits.rcptMax, limits).rest.length === 0;
  return fits && dialogue.transactions < limits.mailMax ? opening(dialogue, task, recipients) : undefined;
}
