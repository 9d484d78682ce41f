import { appendFileSync, existsSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ConfigError, StorageError } from '../../src/errors.ts';
import { Journal } from '../../src/store/journal.ts';
import { keyOf, lineOf, readLine } from '../../src/store/journal-line.ts';
import { type MessageId, numbered } from '../../src/store/names.ts';
import { faulty, temporaryDirectory } from './messages.ts';

const at = temporaryDirectory();
const account = 'alice@pop.example.org:995';
const DAY = 24 * 60 * 60;
let seconds = 1_700_000_000;
const now = () => seconds * 1000;
const open = (more = {}) => Journal.open(at('j'), { account, now, ...more });
const id = (uniqueId: string | number, occurrence = 1): MessageId => ({
  uniqueId: String(uniqueId),
  occurrence,
});
const ids = (...all: (string | number)[]) => all.map((one) => id(one));
const states = (journal: Journal) =>
  Object.fromEntries([...journal].map(([one, { state }]) => [keyOf(one), state]));

describe('what is recorded', () => {
  test('is there at the next run', async () => {
    const journal = await open();
    await journal.observe(ids('a', 'b', 'c', 'd', 'e'));
    await journal.stored(ids('a', 'b', 'c'));
    await journal.deletePending(ids('b', 'c'));
    await journal.deleted(ids('c'));
    await journal.failed(ids('d'));
    await journal.close();
    const again = await open();
    expect(states(again)).toEqual({ a: 'stored', b: 'delete-pending', c: 'deleted', d: 'failed', e: 'new' });
    expect(again.get(id('d'))).toEqual({ state: 'failed', firstSeen: seconds, absentSince: 0, failures: 1 });
    expect(again.damaged).toBe(0);
    expect(statSync(at('j')).mode & 0o777).toBe(0o600);
  });

  test('is on the disk when the promise resolves, by one fsync for all of a call', async () => {
    const { disk, calls } = faulty(() => undefined);
    const journal = await open({ disk });
    calls.length = 0;
    await journal.stored(ids(...Array.from({ length: 100 }, (_, n) => n)));
    expect(calls).toEqual(['write', 'fsync']);
    calls.length = 0;
    await journal.stored(ids(1, 2, 3)); // known already
    expect(calls).toEqual([]);
  });

  test('calls at the same time come one after the other', async () => {
    const journal = await open();
    await Promise.all(Array.from({ length: 50 }, (_, n) => journal.stored(ids(n))));
    expect(Object.keys(states(await open()))).toHaveLength(50);
  });

  test.each([
    ['odd characters', 'a b\t"\\%\x7f\xff\x00\u2028\ud800'],
    ['the name of a property', '__proto__'],
    ['nothing', ''],
    ['a thousand octets', '\xff'.repeat(1000)],
  ])('a unique-id of %s', async (_, uniqueId) => {
    await (await open()).stored([id(uniqueId), id(uniqueId, 2)]);
    const journal = await open();
    expect(journal.damaged).toBe(0);
    expect(journal.get(id(uniqueId))?.state).toBe('stored');
    expect(journal.get(id(uniqueId, 2))?.state).toBe('stored');
    expect(journal.get(id(uniqueId, 3))).toBeUndefined();
  });

  test('equal unique-ids are counted in the order of the listing', () => {
    const rows = [{ uniqueId: 'x' }, { uniqueId: 'y' }, { uniqueId: 'x' }, { uniqueId: '__proto__' }];
    expect(numbered(rows).map(({ occurrence }) => occurrence)).toEqual([1, 1, 2, 1]);
  });

  test('five failures set a message aside; one success, or asking for it, starts anew', async () => {
    const journal = await open();
    for (let n = 0; n < 4; n++) await journal.failed(ids('a', 'b'));
    expect(journal.isSetAside(id('a'))).toBe(false);
    await journal.failed(ids('a', 'b'));
    expect((await open()).isSetAside(id('a'))).toBe(true);
    await journal.stored(ids('a'));
    await journal.retry(ids('b'));
    const again = await open();
    expect([again.get(id('a'))?.failures, again.get(id('b'))?.failures]).toEqual([0, 0]);
  });

  test('a failure takes nothing back', async () => {
    const journal = await open();
    await journal.stored(ids('a', 'b'));
    await journal.deletePending(ids('b'));
    await journal.failed(ids('a', 'b'));
    expect(states(journal)).toEqual({ a: 'stored', b: 'delete-pending' });
  });
});

describe('listings', () => {
  test('what is gone is remembered for 30 days, and keeps its dates when it is back', async () => {
    const journal = await open();
    const first = seconds;
    await journal.observe(ids('a', 'b'));
    await journal.stored(ids('a', 'b'));
    seconds += DAY;
    await journal.observe(ids('b'));
    const gone = seconds;
    seconds += 29 * DAY;
    const later = await open();
    expect(later.get(id('a'))).toEqual({ state: 'stored', firstSeen: first, absentSince: gone, failures: 0 });
    await later.observe(ids('a', 'b'));
    expect(later.get(id('a'))).toEqual({ state: 'stored', firstSeen: first, absentSince: 0, failures: 0 });
    await later.observe(ids('b'));
    seconds += 31 * DAY;
    expect(states(await open())).toEqual({ b: 'stored' });
  });

  test('a pending deletion whose message is gone took place; one that is there has to be asked for again', async () => {
    const journal = await open();
    await journal.deletePending(ids('a', 'b'));
    await journal.observe(ids('b'));
    expect(states(journal)).toEqual({ a: 'deleted', b: 'delete-pending' });
  });

  test('the same listing again writes nothing', async () => {
    const journal = await open();
    const listing = ids(...Array.from({ length: 1000 }, (_, n) => n));
    await journal.observe(listing);
    const { size } = statSync(at('j'));
    await journal.observe(listing);
    expect(statSync(at('j')).size).toBe(size);
  });

  const range = (from: number, to: number) => ids(...Array.from({ length: to - from }, (_, n) => from + n));
  test.each([
    ['new ids for all messages', range(0, 100), range(1000, 1100), true],
    ['new ids for all but a few', range(0, 100), [...range(0, 5), ...range(1000, 1095)], true],
    ['new mail only', range(0, 100), range(0, 300), false],
    ['many deleted elsewhere', range(0, 100), range(95, 100), false],
    ['all deleted elsewhere, and one came', range(0, 100), range(1000, 1001), false],
    ['an empty maildrop', range(0, 100), [], false],
    ['few messages, all others', range(0, 9), range(1000, 1009), false],
    ['half of them others', range(0, 100), [...range(0, 50), ...range(1000, 1050)], false],
  ])('%s', async (_, before, after, reset) => {
    const journal = await open();
    expect(journal.compare(before).reset).toBe(false);
    await journal.observe(before);
    await journal.stored(before);
    expect((await open()).compare(after)).toMatchObject({ known: before.length, reset });
  });

  test('a window that moved on because its messages were deleted is no reset', async () => {
    const journal = await open();
    await journal.observe(range(0, 250));
    await journal.stored(range(0, 250));
    await journal.deletePending(range(0, 125));
    await journal.deleted(range(125, 250));
    expect(journal.compare(range(250, 500)).reset).toBe(false);
  });
});

describe('damage', () => {
  const filled = async (count = 20) => {
    const journal = await open();
    await journal.stored(ids(...Array.from({ length: count }, (_, n) => `id-${n}`)));
    await journal.close();
    return readFileSync(at('j'));
  };

  test('a torn last line is cut off, wherever it is torn, and the next one is whole', async () => {
    const whole = await filled(3);
    const last = whole.lastIndexOf('\n', whole.length - 2) + 1;
    for (let end = last; end < whole.length; end++) {
      writeFileSync(at('j'), whole.subarray(0, end));
      const journal = await open();
      expect([journal.damaged, Object.keys(states(journal))]).toEqual([0, ['id-0', 'id-1']]);
      await journal.stored(ids('id-9'));
      await journal.close();
      expect(Object.keys(states(await open()))).toEqual(['id-0', 'id-1', 'id-9']);
    }
  });

  test('a long torn end, of zeros as a loss of power leaves them, is cut off too', async () => {
    const whole = await filled();
    appendFileSync(at('j'), Buffer.alloc(3_000_000));
    const journal = await open();
    expect([journal.damaged, journal.size, statSync(at('j')).size]).toEqual([0, 20, whole.length]);
  });

  test('a damaged line is counted, and costs what it said and no more', async () => {
    const lines = (await filled()).toString('latin1').split('\n');
    lines[5] = lines[5]?.replace('id-', 'ix-') ?? '';
    lines[9] = '\0\0\0';
    lines[12] = 'x'.repeat(3_000_000);
    writeFileSync(at('j'), lines.join('\n'), 'latin1');
    const journal = await open();
    expect([journal.damaged, journal.size]).toEqual([3, 17]);
    expect(journal.get(id('id-4'))).toBeUndefined();
    expect(journal.get(id('ix-4'))).toBeUndefined();
  });

  test.each([
    ['nothing at all', ''],
    ['no line end', 'mailtool-journal'],
    ['other text', 'hello\nworld\n'],
    ['zeros', '\0'.repeat(5000)],
  ])('a file with %s stops the run and stays as it is', async (_, content) => {
    writeFileSync(at('j'), content);
    await expect(open()).rejects.toThrow(ConfigError);
    await expect(open()).rejects.toMatchObject({ hint: expect.stringContaining('restore it') });
    expect(readFileSync(at('j'), 'latin1')).toBe(content);
  });

  test('so does one that is damaged for the most part', async () => {
    const whole = (await filled(40)).toString('latin1');
    writeFileSync(at('j'), whole.replace(/id-/g, 'ix-'));
    await expect(open()).rejects.toThrow(/is damaged \(40 of 40 lines\)/);
  });

  test('nor is the journal of another account taken', async () => {
    await filled();
    await expect(open({ account: 'bob@elsewhere:110' })).rejects.toThrow(
      'is the journal of alice@pop.example.org:995, not of bob@elsewhere:110',
    );
  });

  test('a host written with other letters, large and small, is the same one', async () => {
    await filled(3);
    const [user, server] = account.split('@');
    expect((await open({ account: `${user}@${server?.toUpperCase()}` })).size).toBe(3);
    await expect(open({ account: `${user?.toUpperCase()}@${server}` })).rejects.toThrow(ConfigError);
  });

  test('to look only repairs nothing', async () => {
    await filled(3);
    truncateSync(at('j'), statSync(at('j')).size - 5);
    const { size } = statSync(at('j'));
    const journal = await open({ readOnly: true });
    expect([journal.size, statSync(at('j')).size]).toEqual([2, size]);
    await expect(journal.stored(ids('x'))).rejects.toThrow(StorageError);
    const none = await Journal.open(at('none'), { account, readOnly: true });
    expect([none.size, existsSync(at('none'))]).toEqual([0, false]);
  });

  test('any line survives the trip, and no change of it is taken for another', () => {
    const entry = fc.record({
      state: fc.constantFrom('new', 'stored', 'delete-pending', 'deleted', 'failed' as const),
      firstSeen: fc.nat(),
      absentSince: fc.nat(),
      failures: fc.nat(100),
    });
    const uniqueId = fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\n', ''));
    fc.assert(
      fc.property(
        entry,
        uniqueId,
        fc.integer({ min: 1, max: 99 }),
        fc.nat(),
        fc.nat(),
        (one, uid, n, where, how) => {
          const key = keyOf(id(uid, n));
          const line = lineOf(key, one);
          expect(line).toMatch(/^[\x20-\x7e\t]*\n$/);
          expect(readLine(line.slice(0, -1))).toEqual({ key, entry: one });
          const octets = Buffer.from(line.slice(0, -1), 'latin1');
          const spot = where % octets.length;
          octets[spot] = ((octets[spot] ?? 0) + 1 + (how % 254)) % 256;
          expect(readLine(octets.toString('latin1'))).toBeUndefined();
        },
      ),
    );
  });

  test('any file that begins with the header is read or refused, and what is whole in it is there', async () => {
    const whole = await filled(30);
    const header = whole.indexOf('\n') + 1;
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.uint8Array({ maxLength: 40 }), async (where, rubbish) => {
        const spot = header + (where % (whole.length - header));
        writeFileSync(at('j'), Buffer.concat([whole.subarray(0, spot), rubbish, whole.subarray(spot)]));
        const journal = await open();
        await journal.close();
        expect(journal.size).toBeGreaterThanOrEqual(29);
        expect([...journal].every(([{ uniqueId }]) => /^id-\d+$/.test(uniqueId))).toBe(true);
        const cut = whole.subarray(0, spot).toString('latin1').split('\n').length - 2;
        for (let n = 0; n < cut; n++) expect(journal.get(id(`id-${n}`))?.state).toBe('stored');
      }),
      { numRuns: 200 },
    );
  });
});

describe('growth', () => {
  test('a journal that is mostly out of date is written anew', async () => {
    const journal = await open();
    for (let n = 0; n < 200; n++) {
      await journal.deletePending(ids(0, 1, 2, 3, 4));
      await journal.stored(ids(0, 1, 2, 3, 4));
    }
    await journal.close();
    const before = statSync(at('j'));
    const again = await open();
    expect(statSync(at('j')).size).toBeLessThan(before.size / 100);
    expect(Object.values(states(again))).toEqual(Array(5).fill('stored'));
    await again.stored(ids('z'));
    expect((await open()).size).toBe(6);
  });

  test.each(['create', 'write', 'fsync', 'rename'])(
    'a fault at %s of that leaves the old one',
    async (what) => {
      const journal = await open();
      for (let n = 0; n < 600; n++) {
        await journal.deletePending(ids(0));
        await journal.stored(ids(0));
      }
      const before = readFileSync(at('j'));
      const { disk } = faulty((call, _, [path]) => {
        if (what === 'create') return call === 'open' && String(path).endsWith('.tmp') ? 'ENOSPC' : undefined;
        return call === what ? 'ENOSPC' : undefined;
      });
      await expect(open({ disk })).rejects.toThrow('no space left on the device');
      expect(readFileSync(at('j')).equals(before)).toBe(true);
      expect((await open()).size).toBe(1);
    },
  );

  test.each([
    ['write', 'ENOSPC'],
    ['fsync', 'EIO'],
  ] as const)('a failed %s records nothing, and the next call does', async (what, code) => {
    await (await open()).close();
    let broken = true;
    const { disk } = faulty((call) => (broken && call === what ? code : undefined));
    const journal = await open({ disk });
    await expect(journal.stored(ids('a', 'b'))).rejects.toThrow(StorageError);
    expect(journal.size).toBe(0);
    broken = false;
    await journal.stored(ids('c'));
    expect(states(await open())).toEqual({ c: 'stored' });
  });

  test('a write that a full disk cut short leaves nothing of itself', async () => {
    await (await open()).stored(ids('a'));
    let writes = 0;
    const { disk } = faulty((call) => {
      if (call !== 'write') return undefined;
      writes++;
      return writes === 1 ? 'short' : writes === 2 ? 'ENOSPC' : undefined;
    });
    const journal = await open({ disk });
    await expect(journal.stored(ids('bbbb', 'cccc'))).rejects.toThrow('no space left');
    await journal.stored(ids('d'));
    const again = await open();
    expect([states(again), again.damaged]).toEqual([{ a: 'stored', d: 'stored' }, 0]);
  });

  test('100,000 ids are read by work that grows with their number alone', async () => {
    const many = async (count: number) => {
      const journal = await open();
      await journal.observe(ids(...Array.from({ length: count }, (_, n) => `${'u'.repeat(50)}${n}`)));
      await journal.close();
      const { disk, calls } = faulty(() => undefined);
      expect((await open({ disk })).size).toBe(count);
      return calls.filter((call) => call === 'read').length;
    };
    expect(await many(10_000)).toBeLessThanOrEqual(3);
    expect(await many(100_000)).toBeLessThanOrEqual(12);
  });
});
