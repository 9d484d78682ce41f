import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { StorageError } from '../../src/errors.ts';
import type { Disk } from '../../src/store/disk.ts';
import { Folder } from '../../src/store/folder.ts';
import { Journal } from '../../src/store/journal.ts';
import { keep } from '../../src/store/keep.ts';
import { Maildir } from '../../src/store/maildir.ts';
import { Mbox } from '../../src/store/mbox.ts';
import type { MessageId } from '../../src/store/names.ts';
import type { Store } from '../../src/store/store.ts';
import { chunks, faulty, nameOf, names, temporaryDirectory } from './messages.ts';

const at = temporaryDirectory();
const { prefix } = names;
const text = (n: number) => `Subject: ${n}\r\n\r\nFrom here to there\r\n${'x'.repeat(n * 10)}\r\n`;
const MESSAGES = [1, 2, 3];

/** A kind of store, and the texts that somebody who looks for mail finds in it. */
interface Kind {
  readonly name: string;
  open(path: string, disk?: Disk): Promise<Store>;
  found(path: string): string[];
  /** Files that are no mail. */
  litter(path: string): string[];
}

const filesIn = (path: string) => (existsSync(path) ? readdirSync(path) : []);
const KINDS: readonly Kind[] = [
  {
    name: 'Maildir',
    open: (path, disk) => Maildir.open(path, { prefix, ...(disk === undefined ? {} : { disk }) }),
    found: (path) =>
      filesIn(join(path, 'new')).map((file) => readFileSync(join(path, 'new', file), 'latin1')),
    litter: (path) => filesIn(join(path, 'tmp')),
  },
  {
    name: 'directory',
    open: (path, disk) => Folder.open(path, { prefix, ...(disk === undefined ? {} : { disk }) }),
    found: (path) =>
      filesIn(path)
        .filter((file) => file.endsWith('.eml'))
        .map((file) => readFileSync(join(path, file), 'latin1')),
    litter: (path) => filesIn(path).filter((file) => !file.endsWith('.eml')),
  },
  {
    name: 'mbox',
    open: (path, disk) =>
      Mbox.open(join(path, 'inbox'), { prefix, lockWaitMs: 0, ...(disk === undefined ? {} : { disk }) }),
    found: (path) =>
      (existsSync(join(path, 'inbox')) ? readFileSync(join(path, 'inbox'), 'latin1') : '')
        .split(/^From .*\n/m)
        .slice(1)
        .map((entry) => {
          expect(entry).toMatch(/\n\n$/);
          return entry.slice(0, -1).replaceAll('>From', 'From').replaceAll('\n', '\r\n');
        }),
    litter: (path) => filesIn(path).filter((file) => file !== 'inbox'),
  },
];

async function* incoming(
  journal: Journal,
  kept: number[],
): AsyncGenerator<{ id: MessageId; row: number; bytes: AsyncIterable<Uint8Array> }> {
  for (const n of MESSAGES) {
    const id = { uniqueId: String(n), occurrence: 1 };
    if (journal.get(id)?.state === 'stored') kept.push(n);
    else yield { id, row: n, bytes: chunks(text(n), 1_000) };
  }
}

/** One run of a fetch; what it says may be deleted. */
async function run(kind: Kind, root: string, disk?: Disk): Promise<{ kept: number[]; error: unknown }> {
  const kept: number[] = [];
  try {
    const more = disk === undefined ? {} : { disk };
    await using journal = await Journal.open(join(root, 'journal'), { account: 'a', ...more });
    await using store = await kind.open(join(root, 'mail'), disk);
    for await (const { row, outcome } of keep(store, journal, names, incoming(journal, kept))) {
      if (outcome.status === 'failed') throw outcome.error;
      kept.push(row);
    }
    return { kept: kept.sort(), error: undefined };
  } catch (error) {
    return { kept, error };
  }
}

describe.each(KINDS)('$name', (kind) => {
  test.each(['ENOSPC', 'EIO', 'short'])(
    'any one call that fails (%s) loses, halves and doubles nothing',
    async (code) => {
      const { disk: counting, calls } = faulty(() => undefined);
      mkdirSync(at('clean'));
      expect((await run(kind, at('clean'), counting)).error).toBeUndefined();
      const total = calls.length;
      const seen = { failed: 0, unharmed: 0 };
      for (let place = 0; place < total; place++) {
        const call = calls[place] as keyof Disk;
        if (code === 'short' && call !== 'write' && call !== 'writeLater') continue;
        const root = at(`${code}-${place}`);
        mkdirSync(root);
        let made = -1;
        let failing = true;
        const { disk } = faulty(() => {
          made++;
          return failing && made === place ? code : undefined;
        });
        const { kept, error } = await run(kind, root, disk);
        failing = false;
        const where = `${code} at call ${place} (${call})`;
        if (error === undefined) seen.unharmed++;
        else {
          seen.failed++;
          expect(error, where).toBeInstanceOf(StorageError);
          expect((error as StorageError).retryable, where).toBe(true);
          if (code === 'ENOSPC')
            expect((error as Error).message, where).toContain('no space left on the device');
        }
        const whole = new Set(MESSAGES.map(text));
        const found = kind.found(join(root, 'mail'));
        for (const one of found) expect(whole.has(one), where).toBe(true);
        for (const n of kept) expect(found, where).toContain(text(n));
        // The next run, on a disk that works, finds or adds the rest.
        const again = await run(kind, root);
        expect(again, where).toEqual({ kept: MESSAGES, error: undefined });
        const after = kind.found(join(root, 'mail')).sort();
        expect(after, where).toEqual([...MESSAGES.map(text)].sort());
        // Where the journal's own fsync failed, the mbox keeps what it knows for a day.
        const lasting = kind.name === 'mbox' ? ['unlink', 'close', 'fsync'] : ['unlink', 'close'];
        if (!lasting.includes(call)) expect(kind.litter(join(root, 'mail')), where).toEqual([]);
      }
      if (code === 'short') expect(seen.failed).toBe(0);
      else expect(seen.failed).toBeGreaterThan(10);
    },
    120_000,
  );

  test('a failure that stays leaves nothing behind but what is promised', async () => {
    for (const call of ['write', 'fsync', 'link', 'rename', 'truncate', 'readdir', 'read'] as const) {
      const root = at(call);
      mkdirSync(root);
      await run(kind, root);
      writeFileSync(join(root, 'mail', kind.name === 'mbox' ? 'inbox' : 'x'), '');
      const { disk } = faulty((name) => (name === call ? 'EROFS' : undefined));
      const store = await kind.open(join(root, 'mail'), disk).catch(() => undefined);
      const outcome = await store?.deliver(chunks('new\r\n'), { name: nameOf('new') }).catch(() => undefined);
      await store?.close();
      if (outcome === undefined)
        expect(
          kind.found(join(root, 'mail')).some((one) => one.includes('new')),
          call,
        ).toBe(false);
    }
  });
});

describe('a disk that is full', () => {
  let small: string | undefined;
  beforeAll(() => {
    const path = mkdtempSync(join(tmpdir(), 'mailtool-small-'));
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', path], { stdio: 'ignore' });
      small = path;
    } catch {
      // Only root can mount.
      rmdirSync(path);
    }
  });
  afterAll(() => {
    if (small === undefined) return;
    execFileSync('umount', [small]);
    rmdirSync(small);
  });

  test.for(KINDS)(
    '$name: takes what fits, says why, and goes on when there is room',
    async (kind, { skip }) => {
      if (small === undefined) return skip('only root can mount');
      const root = join(small, kind.name);
      mkdirSync(root);
      const filler = join(root, 'filler');
      const store = await kind.open(join(root, 'mail'));
      const big = `Subject: big\r\n\r\n${'y'.repeat(70)}\r\n`.repeat(1_500);
      await store.deliver(chunks('Subject: first\r\n'), { name: nameOf('0') });
      store.recorded();
      writeFileSync(filler, Buffer.alloc(180_000));
      const refused = store.deliver(chunks(big, 4_000), { name: nameOf('1') });
      await expect(refused).rejects.toThrow('no space left on the device');
      await expect(refused).rejects.toMatchObject({ retryable: true });
      expect(kind.found(join(root, 'mail'))).toEqual(['Subject: first\r\n']);
      await store.close();
      expect(kind.litter(join(root, 'mail'))).toEqual([]);
      writeFileSync(filler, '');
      if (kind.name === 'mbox') {
        // It needs the room twice for a moment.
        const again = await kind.open(join(root, 'mail'));
        await again.deliver(chunks('Subject: second\r\n'), { name: nameOf('2') });
        await again.close();
      } else {
        const again = await kind.open(join(root, 'mail'));
        await again.deliver(chunks(big, 4_000), { name: nameOf('1') });
      }
      expect(kind.found(join(root, 'mail'))).toHaveLength(2);
      expect(statSync(root).isDirectory()).toBe(true);
      execFileSync('rm', ['-r', root]);
    },
  );
});
