import { describe, expect, test } from 'vitest';
import { StorageError } from '../../src/errors.ts';
import { type Incoming, keep } from '../../src/store/keep.ts';
import { Maildir } from '../../src/store/maildir.ts';
import type { MessageId } from '../../src/store/names.ts';
import type { Outcome, Store } from '../../src/store/store.ts';
import { chunks, cut, names, systemError, temporaryDirectory } from './messages.ts';

const at = temporaryDirectory();

/** A store and a journal that write down what happens to them, and in which order. */
function observed(together: number, fate: (name: string) => Outcome['status'] = () => 'stored') {
  const events: string[] = [];
  const short = new Map<string, string>();
  let staged: string[] = [];
  const store: Store = {
    together,
    async stage(message, { name }) {
      for await (const _ of message) {
      }
      staged.push(name);
      events.push(`stage ${short.get(name)}`);
    },
    async settle() {
      const batch = staged;
      staged = [];
      events.push(`settle ${batch.map((name) => short.get(name)).join(' ')}`);
      await new Promise((resolve) => setImmediate(resolve));
      return batch.map((name) =>
        fate(short.get(name) ?? '') === 'failed'
          ? {
              status: 'failed',
              name,
              path: null,
              size: 1,
              error: new StorageError('no', { path: 'x', step: 'exec' }),
            }
          : { status: 'stored', name, path: 'x', size: 1 },
      );
    },
    recorded: () => events.push('recorded'),
    discard() {
      events.push(`discard ${staged.map((name) => short.get(name)).join(' ')}`.trim());
      staged = [];
    },
    deliver: () => Promise.reject(new Error('not asked for')),
    close: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
  const journal = {
    async stored(ids: readonly MessageId[]) {
      await new Promise((resolve) => setImmediate(resolve));
      events.push(`journal ${ids.map(({ uniqueId }) => uniqueId).join(' ')}`.trim());
    },
  };
  async function* messages(
    texts: readonly string[],
    bytes: (text: string) => AsyncIterable<Uint8Array> = chunks,
  ): AsyncGenerator<Incoming<string>> {
    for (const text of texts) {
      const id = { uniqueId: text, occurrence: 1 };
      short.set(names.of(id), text);
      yield { id, row: text, bytes: bytes(text) };
    }
  }
  return { events, store, journal, messages };
}

async function take(events: string[], kept: AsyncIterable<{ row: string }>): Promise<unknown> {
  try {
    for await (const { row } of kept) events.push(`kept ${row}`);
    return undefined;
  } catch (error) {
    return error;
  }
}

describe('keep', () => {
  test('gives a message only when it is stored and recorded; the next are read meanwhile', async () => {
    const { events, store, journal, messages } = observed(2);
    expect(
      await take(events, keep(store, journal, names, messages(['a', 'b', 'c', 'd', 'e']))),
    ).toBeUndefined();
    for (const one of ['a', 'b', 'c', 'd', 'e']) {
      const order = ['stage', 'settle', 'journal', 'kept'].map((what) =>
        events.findIndex((event) => event.startsWith(`${what} `) && event.split(' ').includes(one)),
      );
      expect(order).toEqual([...order].sort((x, y) => x - y));
      expect(order).not.toContain(-1);
    }
    expect(events.indexOf('stage c')).toBeLessThan(events.indexOf('journal a b'));
    expect(events.filter((event) => event.startsWith('settle'))).toEqual([
      'settle a b',
      'settle c d',
      'settle e',
    ]);
  });

  test('one batch is recorded before the next is settled', async () => {
    const { events, store, journal, messages } = observed(1);
    await take(events, keep(store, journal, names, messages(['a', 'b', 'c'])));
    const steps = events.filter((event) => /^(settle|journal|recorded)/.test(event));
    expect(steps).toEqual(['a', 'b', 'c'].flatMap((one) => [`settle ${one}`, `journal ${one}`, 'recorded']));
  });

  test('what fails for itself is given as failed, not recorded, and stops nothing', async () => {
    const { events, store, journal, messages } = observed(2, (text) => (text === 'b' ? 'failed' : 'stored'));
    expect(await take(events, keep(store, journal, names, messages(['a', 'b', 'c'])))).toBeUndefined();
    expect(events).toContain('journal a');
    expect(events).toContain('kept b');
    expect(events).toContain('kept c');
  });

  test('a connection that ends takes nothing with it that came whole', async () => {
    const { events, store, journal, messages } = observed(10);
    const broken = messages(['a', 'b', 'c'], (text) => (text === 'c' ? cut(text) : chunks(text)));
    expect(await take(events, keep(store, journal, names, broken))).toMatchObject({
      message: 'the connection ended',
    });
    expect(events).toContain('journal a b');
    expect(events.slice(-3)).toEqual(['kept a', 'kept b', 'discard']);
  });

  test('what cannot be recorded is not given', async () => {
    const { events, store, messages } = observed(1);
    const journal = { stored: () => Promise.reject(systemError('ENOSPC')) };
    expect(await take(events, keep(store, journal, names, messages(['a', 'b', 'c'])))).toMatchObject({
      code: 'ENOSPC',
    });
    expect(events.filter((event) => /^(kept|recorded)/.test(event))).toEqual([]);
  });

  test('whoever leaves early leaves nothing staged', async () => {
    const maildir = await Maildir.open(at('Mail'), { prefix: names.prefix });
    const { journal, messages } = observed(1);
    const all = Array.from({ length: 200 }, (_, n) => `${n}`);
    for await (const { outcome } of keep(maildir, journal, names, messages(all))) {
      expect(outcome.status).toBe('stored');
      break;
    }
    expect(await maildir.settle()).toEqual([]);
  });
});
