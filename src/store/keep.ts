import type { MessageId, MessageNames } from './names.ts';
import type { Outcome, Store } from './store.ts';

/** A message on its way in; `row` is whatever the caller knows it by. */
export interface Incoming<Row> {
  readonly id: MessageId;
  readonly row: Row;
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** A message that is safe, or why it could not be stored. */
export interface Kept<Row> {
  readonly id: MessageId;
  readonly row: Row;
  readonly outcome: Outcome;
}

/** More than this is not fetched again because of a crash. */
const MOST_OCTETS = 16 * 1024 * 1024;

/**
 * Stores and records messages, and yields each when it may be deleted from the server: its octets are on the disk, so is its
 * name, and so is the journal's line. Several share the wait, and while it lasts the next are read. A failure of `messages`
 * or of the disk is thrown when all that came whole before is stored, recorded and yielded.
 */
export async function* keep<Row>(
  store: Store,
  journal: { stored(ids: readonly MessageId[]): Promise<void> },
  names: MessageNames,
  messages: AsyncIterable<Incoming<Row>>,
): AsyncGenerator<Kept<Row>, void, void> {
  let settling: Promise<readonly Kept<Row>[]> = Promise.resolve([]);
  let staged: Omit<Incoming<Row>, 'bytes'>[] = [];
  let octets = 0;
  let failure: { readonly error: unknown } | undefined;

  const settle = async (batch: typeof staged): Promise<readonly Kept<Row>[]> => {
    const outcomes = await store.settle();
    const kept = batch.flatMap(({ id, row }, at) => {
      const outcome = outcomes[at];
      return outcome === undefined ? [] : [{ id, row, outcome }];
    });
    await journal.stored(kept.flatMap(({ id, outcome }) => (outcome.status === 'failed' ? [] : [id])));
    store.recorded();
    return kept;
  };
  const begin = () => {
    settling = settle(staged);
    settling.catch(() => undefined); // it is awaited before the next begins
    staged = [];
    octets = 0;
  };

  try {
    try {
      for await (const { id, row, bytes } of messages) {
        await store.stage(counted(bytes), { name: names.of(id) });
        staged.push({ id, row });
        if (staged.length < store.together && octets < MOST_OCTETS) continue;
        const ready = await settling;
        begin();
        yield* ready;
      }
    } catch (error) {
      failure = { error };
    }
    yield* await settling;
    if (staged.length > 0) {
      begin();
      yield* await settling;
    }
    if (failure !== undefined) throw failure.error;
  } finally {
    await settling.catch(() => undefined);
    store.discard();
  }

  async function* counted(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of bytes) {
      octets += chunk.length;
      yield chunk;
    }
  }
}
