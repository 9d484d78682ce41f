import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { describe, expect, test } from 'vitest';
import { StorageError } from '../../src/errors.ts';
import { disk as realDisk } from '../../src/store/disk.ts';
import { Folder } from '../../src/store/folder.ts';
import { Maildir } from '../../src/store/maildir.ts';
import { hostPart } from '../../src/store/names.ts';
import { chunks, cut, faulty, nameOf, names, temporaryDirectory } from './messages.ts';

const at = temporaryDirectory();
const { prefix } = names;
const LETTER = 'Subject: one\r\n\r\n.\r\nFrom here\r\n\0\xff\r\n';

describe('a Maildir', () => {
  test('is made, for its owner only, with the directories above it', async () => {
    await Maildir.open(at('a/b/Mail'), { prefix });
    expect(readdirSync(at('a/b/Mail')).sort()).toEqual(['cur', 'new', 'tmp']);
    for (const part of ['a', 'a/b', 'a/b/Mail', 'a/b/Mail/tmp', 'a/b/Mail/new', 'a/b/Mail/cur'])
      expect(statSync(at(part)).mode & 0o777).toBe(0o700);
  });

  test('that is half there is made whole; readers’ own files are no hindrance', async () => {
    mkdirSync(at('Mail/cur'), { recursive: true });
    writeFileSync(at('Mail/dovecot-uidlist'), '');
    mkdirSync(at('Mail/.Sent'));
    await Maildir.open(at('Mail/'), { prefix });
    expect(readdirSync(at('Mail')).sort()).toEqual(['.Sent', 'cur', 'dovecot-uidlist', 'new', 'tmp']);
  });

  test.each([
    ['a directory of other things', 'is no Maildir, and holds other things (photo.jpg)', 'photo.jpg'],
    [
      'half of one among other things',
      'is only half a Maildir, and holds other things (notes.txt)',
      'new/',
      'notes.txt',
    ],
    ['one whose tmp is a file', 'its tmp is no directory', 'tmp', 'new/', 'cur/'],
  ])('%s is refused and left as it is', async (_, words, ...content) => {
    mkdirSync(at('Mail'));
    for (const name of content) {
      if (name.endsWith('/')) mkdirSync(at('Mail', name));
      else writeFileSync(at('Mail', name), '');
    }
    const before = readdirSync(at('Mail'));
    const refused = Maildir.open(at('Mail'), { prefix });
    await expect(refused).rejects.toThrow(words);
    await expect(refused).rejects.toMatchObject({ step: 'open', retryable: false });
    expect(readdirSync(at('Mail'))).toEqual(before);
  });

  test('is not a file', async () => {
    writeFileSync(at('inbox'), 'From a\n');
    await expect(Maildir.open(at('inbox'), { prefix })).rejects.toThrow('is no directory');
  });

  test('delivers the octets as they came, readable by the owner only, and leaves nothing in tmp', async () => {
    const maildir = await Maildir.open(at('Mail'), { prefix, now: () => 1_700_000_000_123 });
    const delivered = await maildir.deliver(chunks(Buffer.from(LETTER, 'latin1')), { name: nameOf('X') });
    expect(delivered).toEqual({
      status: 'stored',
      name: nameOf('X'),
      path: at('Mail/new', `1700000000.${nameOf('X')}.${hostPart()}`),
      size: LETTER.length,
    });
    expect(readFileSync(delivered.path ?? '', 'latin1')).toBe(LETTER);
    expect(statSync(delivered.path ?? '').mode & 0o777).toBe(0o600);
    expect(statSync(delivered.path ?? '').nlink).toBe(1);
    expect(readdirSync(at('Mail/tmp'))).toEqual([]);
  });

  test('an empty message and one of several blocks', async () => {
    const maildir = await Maildir.open(at('Mail'), { prefix });
    const large = Buffer.alloc(5_000_001, 'abcdefghijk\r\n');
    const delivered = [
      await maildir.deliver(chunks(''), { name: nameOf('0') }),
      await maildir.deliver(chunks(large, 65_521), { name: nameOf('1') }),
      await maildir.deliver(chunks(large, 3_000_017), { name: nameOf('2') }),
    ];
    expect(delivered.map(({ size }) => size)).toEqual([0, large.length, large.length]);
    for (const { path, size } of delivered)
      expect(readFileSync(path ?? '').equals(large.subarray(0, size))).toBe(true);
  });

  test('a message that breaks off leaves nothing, and nobody saw it', async () => {
    const maildir = await Maildir.open(at('Mail'), { prefix });
    await expect(maildir.stage(cut('Subject: half'), { name: nameOf('X') })).rejects.toThrow(
      'the connection ended',
    );
    expect(readdirSync(at('Mail/tmp'))).toEqual([]);
    expect(await maildir.settle()).toEqual([]);
    expect(readdirSync(at('Mail/new'))).toEqual([]);
  });

  test('what is staged is in tmp only, and gone when it is discarded', async () => {
    const maildir = await Maildir.open(at('Mail'), { prefix });
    await maildir.stage(chunks(LETTER), { name: nameOf('X') });
    expect([readdirSync(at('Mail/tmp')).length, readdirSync(at('Mail/new')).length]).toEqual([1, 0]);
    await maildir.close();
    expect([readdirSync(at('Mail/tmp')).length, readdirSync(at('Mail/new')).length]).toEqual([0, 0]);
  });

  test('outcomes come in the order of the messages', async () => {
    const maildir = await Maildir.open(at('Mail'), { prefix });
    const ids = Array.from({ length: 70 }, (_, n) => String(n));
    for (const id of ids) await maildir.stage(chunks(`Subject: ${id}\r\n`), { name: nameOf(id) });
    const outcomes = await maildir.settle();
    expect(outcomes.map(({ path }) => readFileSync(path ?? '', 'latin1'))).toEqual(
      ids.map((id) => `Subject: ${id}\r\n`),
    );
  });
});

describe('a message that is there already', () => {
  const open = () => Maildir.open(at('Mail'), { prefix });

  test('is recognised in new, and no second one appears', async () => {
    const first = await (await open()).deliver(chunks(LETTER), { name: nameOf('X') });
    const again = await (await open()).deliver(chunks(LETTER), { name: nameOf('X') });
    expect(again).toEqual({ ...first, status: 'duplicate' });
    expect([readdirSync(at('Mail/new')).length, readdirSync(at('Mail/tmp')).length]).toEqual([1, 0]);
  });

  test.each([':2,', ':2,RS', ';2,S', ',S=30:2,S'])(
    'is recognised in cur, with %s behind its name',
    async (flags) => {
      const { path } = await (await open()).deliver(chunks(LETTER), { name: nameOf('X') });
      const read = `${(path ?? '').replace('/new/', '/cur/')}${flags}`;
      renameSync(path ?? '', read);
      const again = await (await open()).deliver(chunks(LETTER), { name: nameOf('X') });
      expect(again).toMatchObject({ status: 'duplicate', path: read });
      expect(readdirSync(at('Mail/new'))).toEqual([]);
    },
  );

  test('is recognised when a reader moves it while we are at work', async () => {
    const maildir = await open();
    const { path } = await maildir.deliver(chunks(LETTER), { name: nameOf('X') });
    renameSync(path ?? '', `${(path ?? '').replace('/new/', '/cur/')}:2,S`);
    expect(await maildir.deliver(chunks(LETTER), { name: nameOf('X') })).toMatchObject({
      status: 'duplicate',
    });
  });

  test('with other octets is another message: none is lost when a server uses a unique-id again', async () => {
    const one = await (await open()).deliver(chunks(LETTER), { name: nameOf('X') });
    const maildir = await open();
    const two = await maildir.deliver(chunks(LETTER.replace('one', 'two')), { name: nameOf('X') });
    const three = await maildir.deliver(chunks(`${LETTER}!`), { name: nameOf('X') });
    expect([one, two, three].map(({ status }) => status)).toEqual(['stored', 'stored', 'stored']);
    expect(two.path).toContain(`.${nameOf('X')}_2.`);
    expect(three.path).toContain(`.${nameOf('X')}_3.`);
    expect(await (await open()).deliver(chunks(`${LETTER}!`), { name: nameOf('X') })).toMatchObject({
      status: 'duplicate',
      path: three.path,
    });
    expect(readdirSync(at('Mail/new'))).toHaveLength(3);
  });

  test('is synced before it is promised: whoever left it may not have done so', async () => {
    await (await open()).deliver(chunks(LETTER), { name: nameOf('X') });
    for (const place of [2, 3]) {
      const { disk } = faulty((call, count) => (call === 'fsync' && count === place ? 'EIO' : undefined));
      const maildir = await Maildir.open(at('Mail'), { prefix, disk });
      await maildir.stage(chunks(LETTER), { name: nameOf('X') });
      expect(await maildir.settle()).toMatchObject([{ status: 'failed', error: { step: 'fsync' } }]);
      expect(readdirSync(at('Mail/new'))).toHaveLength(1);
    }
  });

  test('twice in one batch is one message', async () => {
    const maildir = await open();
    for (const _ of [1, 2]) await maildir.stage(chunks(LETTER), { name: nameOf('X') });
    expect((await maildir.settle()).map(({ status }) => status)).toEqual(['stored', 'duplicate']);
  });

  test('equal octets under another unique-id, or as a second occurrence, are a message of their own', async () => {
    const maildir = await open();
    for (const name of [nameOf('X'), nameOf('Y'), nameOf('X', 2)])
      expect(await maildir.deliver(chunks(LETTER), { name })).toMatchObject({ status: 'stored' });
  });
});

describe('what a killed run left in tmp', () => {
  const day = 24 * 60 * 60;
  const left = (name: string, ageS: number) => {
    writeFileSync(at('Mail/tmp', name), 'half');
    // Nobody can set a file's time of change, so the present is moved instead.
    utimesSync(at('Mail/tmp', name), Date.now() / 1000 - ageS, Date.now() / 1000 - ageS);
  };

  test('goes when it is of this account and its process is gone; others have 36 hours', async () => {
    await Maildir.open(at('Mail'), { prefix });
    left(`1.P4194999B1Q1-${nameOf('X')}.${hostPart()}`, 0);
    left(`1.P4194999B1Q1-${nameOf('X')}.elsewhere`, 0);
    left('1.M1P1Q1.other', 0);
    // The same number, of a process before this one.
    left(`1.P${process.pid}B1Q1-${nameOf('X')}.${hostPart()}`, 0);
    mkdirSync(at('Mail/tmp/directory'));
    await Maildir.open(at('Mail'), { prefix });
    expect(readdirSync(at('Mail/tmp')).sort()).toEqual([
      '1.M1P1Q1.other',
      `1.P4194999B1Q1-${nameOf('X')}.elsewhere`,
      'directory',
    ]);
    await Maildir.open(at('Mail'), { prefix, now: () => Date.now() + 1.4 * day * 1000 });
    expect(readdirSync(at('Mail/tmp'))).toHaveLength(3);
    await Maildir.open(at('Mail'), { prefix, now: () => Date.now() + 1.6 * day * 1000 });
    expect(readdirSync(at('Mail/tmp'))).toEqual(['directory']);
  });

  test('what is being written stays', async () => {
    const maildir = await Maildir.open(at('Mail'), { prefix });
    await maildir.stage(chunks(LETTER), { name: nameOf('X') });
    await Maildir.open(at('Mail'), { prefix });
    expect(await maildir.settle()).toMatchObject([{ status: 'stored' }]);
  });
});

describe('file systems that lack something', () => {
  test.each(['EPERM', 'EOPNOTSUPP', 'EMLINK'])('without links (%s) the file is renamed', async (code) => {
    const { disk } = faulty((call) => (call === 'link' ? code : undefined));
    const maildir = await Maildir.open(at('Mail'), { prefix, disk });
    expect(await maildir.deliver(chunks(LETTER), { name: nameOf('X') })).toMatchObject({ status: 'stored' });
    expect(await maildir.deliver(chunks('other'), { name: nameOf('X') })).toMatchObject({ status: 'stored' });
    expect([readdirSync(at('Mail/new')).length, readdirSync(at('Mail/tmp')).length]).toEqual([2, 0]);
  });

  test('a directory that cannot be synced is none of our business', async () => {
    const { disk } = faulty((call, count) => (call === 'fsync' && count > 1 ? 'EINVAL' : undefined));
    await Maildir.open(at('Mail'), { prefix });
    const maildir = await Maildir.open(at('Mail'), { prefix, disk });
    expect(await maildir.deliver(chunks(LETTER), { name: nameOf('X') })).toMatchObject({ status: 'stored' });
  });
});

test('a name that may not last is no delivery, and does not stay', async () => {
  await Maildir.open(at('Mail'), { prefix });
  const { disk } = faulty((call, count) => (call === 'fsync' && count === 3 ? 'EIO' : undefined));
  const maildir = await Maildir.open(at('Mail'), { prefix, disk });
  for (const id of ['1', '2']) await maildir.stage(chunks(LETTER), { name: nameOf(id) });
  expect((await maildir.settle()).map(({ status }) => status)).toEqual(['failed', 'failed']);
  expect([readdirSync(at('Mail/new')), readdirSync(at('Mail/tmp'))]).toEqual([[], []]);
  expect(await maildir.deliver(chunks(LETTER), { name: nameOf('1') })).toMatchObject({ status: 'stored' });
});

test('blocks are written whole, however slow the disk, and no further ahead than two', async () => {
  const text = Buffer.alloc(9_000_003);
  for (let n = 0; n < text.length; n++) text[n] = (n * 31 + (n >> 13)) & 0xff;
  let read = 0;
  let written = 0;
  let ahead = 0;
  const slow = {
    ...realDisk,
    writeLater: async (fd: number, bytes: Uint8Array, position: number) => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      ahead = Math.max(ahead, read - written);
      const count = await realDisk.writeLater(fd, bytes.subarray(0, 700_001), position);
      written += count;
      return count;
    },
  };
  const source = async function* () {
    for await (const chunk of chunks(text, 65_521)) {
      read += chunk.length;
      yield chunk;
    }
  };
  const maildir = await Maildir.open(at('Mail'), { prefix, disk: slow });
  const { path } = await maildir.deliver(source(), { name: nameOf('1') });
  expect(readFileSync(path ?? '').equals(text)).toBe(true);
  expect(ahead).toBeLessThan(4 * 1024 * 1024);
});

test('a message is synced before it has its name, and the name before anything is promised', async () => {
  await Maildir.open(at('Mail'), { prefix });
  const { disk, calls } = faulty(() => undefined);
  const maildir = await Maildir.open(at('Mail'), { prefix, disk });
  calls.length = 0;
  for (const id of ['1', '2', '3']) await maildir.stage(chunks(LETTER, 100), { name: nameOf(id) });
  await maildir.settle();
  expect(calls.filter((call) => !['read', 'readdir'].includes(call))).toEqual([
    ...['open', 'write', 'open', 'write', 'open', 'write'],
    ...['fsync', 'fsync', 'fsync'],
    ...['close', 'link', 'unlink', 'close', 'link', 'unlink', 'close', 'link', 'unlink'],
    ...['open', 'fsync', 'close'],
  ]);
});

describe('a directory of .eml files', () => {
  test('has the octets as they came, named by the time', async () => {
    const folder = await Folder.open(at('eml/inbox'), {
      prefix,
      now: () => Date.UTC(2026, 10, 21, 8, 53, 1),
    });
    const { path } = await folder.deliver(chunks(Buffer.from(LETTER, 'latin1')), { name: nameOf('X') });
    expect(path).toBe(at('eml/inbox', `20261121T085301Z-${nameOf('X')}.eml`));
    expect(readFileSync(path ?? '', 'latin1')).toBe(LETTER);
    expect(readdirSync(at('eml/inbox'))).toHaveLength(1);
  });

  test('knows what is there, leaves other files alone, and cleans up behind a killed run', async () => {
    const folder = await Folder.open(at('eml'), { prefix });
    await folder.deliver(chunks(LETTER), { name: nameOf('X') });
    writeFileSync(at('eml/other.txt'), '');
    writeFileSync(at('eml', `.tmp.P4194999B1Q1-${nameOf('Y')}.${hostPart()}`), 'half');
    const again = await Folder.open(at('eml'), { prefix });
    expect(await again.deliver(chunks(LETTER), { name: nameOf('X') })).toMatchObject({ status: 'duplicate' });
    expect(await again.deliver(chunks('half'), { name: nameOf('Y') })).toMatchObject({ status: 'stored' });
    expect(readdirSync(at('eml'))).toHaveLength(3);
  });
});

test('through a symbolic link the mail goes to where that leads', async () => {
  mkdirSync(at('real'));
  symlinkSync(at('real'), at('Mail'));
  await (await Maildir.open(at('Mail'), { prefix })).deliver(chunks(LETTER), { name: nameOf('X') });
  expect(readdirSync(at('real/new'))).toHaveLength(1);
  expect(existsSync(at('Mail/tmp'))).toBe(true);
});

test('an error is a StorageError with the path, the step and the reason', async () => {
  const { disk } = faulty((call) => (call === 'write' ? 'ENOSPC' : undefined));
  const maildir = await Maildir.open(at('Mail'), { prefix, disk });
  const refused = maildir.stage(chunks(LETTER), { name: nameOf('X') });
  await expect(refused).rejects.toThrow(StorageError);
  await expect(refused).rejects.toThrow(/^cannot write .*\/Mail\/tmp\/.*: no space left on the device$/);
  await expect(refused).rejects.toMatchObject({ step: 'write', retryable: true });
  expect(readdirSync(at('Mail/tmp'))).toEqual([]);
});

test('a host name is no way out of the directory', () => {
  expect(hostPart('a/../b:c d\n')).toBe('a\\057..\\057b\\072cd');
  expect(hostPart('')).toBe('localhost');
  expect(hostPart()).toBe(hostPart(hostname()));
});
