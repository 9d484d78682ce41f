import type { StorageError } from '../errors.ts';

/** What became of one message. */
export type Outcome =
  | {
      /** `duplicate`: the same octets are there under this name from an earlier run, and nothing was added. */
      readonly status: 'stored' | 'duplicate';
      readonly name: string;
      /** Where it is; null where it went to a command. */
      readonly path: string | null;
      /** Octets as they came from the server. */
      readonly size: number;
      readonly error?: undefined;
    }
  | {
      readonly status: 'failed';
      readonly name: string;
      readonly path: null;
      readonly size: number;
      readonly error: StorageError;
    };

/**
 * A place for mail. A message comes in two steps, so that several can share the wait for the disk: `stage` reads it to its
 * end and keeps it where nobody looks for mail, `settle` makes all that is staged appear, whole and for good.
 */
export interface Store extends AsyncDisposable {
  /** How many messages are worth settling together. */
  readonly together: number;
  /** `name` is from `MessageNames`. Whatever `message` throws, or a `StorageError`, is thrown: then nothing is left of it. */
  stage(message: AsyncIterable<Uint8Array>, as: { readonly name: string }): Promise<void>;
  /**
   * An outcome for each message staged since the last call, in that order. What is not `failed` outlives a loss of power from
   * here on. `stage` may be called meanwhile, `settle` not.
   */
  settle(): Promise<readonly Outcome[]>;
  /**
   * What `settle` gave is recorded elsewhere, and will not come again: what is kept to recognise it can go. The next `settle`
   * says so too. Never fails.
   */
  recorded(): void;
  /** Forgets what is staged. Never fails. */
  discard(): void;
  /** Stages and settles one message; a failure is thrown. Not while anything else is staged. */
  deliver(message: AsyncIterable<Uint8Array>, as: { readonly name: string }): Promise<Delivered>;
  /** What is staged is forgotten. Never fails. */
  close(): Promise<void>;
}

export type Delivered = Extract<Outcome, { status: 'stored' | 'duplicate' }>;

/** `deliver` in terms of the other two. */
export async function deliverOne(
  store: Store,
  message: AsyncIterable<Uint8Array>,
  as: { readonly name: string },
): Promise<Delivered> {
  await store.stage(message, as);
  const [outcome] = await store.settle();
  if (outcome === undefined) throw new Error('settle gave nothing for what was staged');
  if (outcome.status === 'failed') throw outcome.error;
  return outcome;
}
