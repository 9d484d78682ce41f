import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LockedError } from '../../src/errors.ts';
import { Mbox } from '../../src/store/mbox.ts';
import { MessageNames } from '../../src/store/names.ts';
import { chunks, cut, faulty, nameOf, names, temporaryDirectory } from './messages.ts';

const at = temporaryDirectory();
const { prefix } = names;
const now = () => Date.UTC(2026, 10, 1, 6, 0, 0);
const open = (more = {}) => Mbox.open(at('inbox'), { prefix, now, ...more });
const content = () => readFileSync(at('inbox'), 'latin1');
const SEPARATOR = 'From MAILER-DAEMON Sun Nov  1 06:00:00 2026\n';
const GONE = 'P4194999B1Q1';

/** What a run leaves that was killed: a copy of its spool, as of a process that is gone. */
function leaveSpool(spools: Map<string, Buffer>): void {
  for (const [path, bytes] of spools) writeFileSync(path.replace(/P\d+B\d*Q\d+/, GONE), bytes);
}

/** The spools as they are when the mailbox is about to be written to. */
async function spoolsAt(
  when: (call: string) => boolean,
  work: (disk: Mbox['path'] | unknown) => Promise<unknown>,
) {
  const spools = new Map<string, Buffer>();
  const { disk } = faulty((call, _, args) => {
    if (when(call) && (call !== 'write' || Buffer.from(args[1] as Uint8Array).includes(SEPARATOR)))
      for (const name of readdirSync(at('.')))
        if (name.endsWith('.spool')) spools.set(at(name), readFileSync(at(name)));
    return undefined;
  });
  await work(disk);
  return spools;
}

describe('an mbox', () => {
  test('is made for its owner only, and takes messages with LF lines and an empty line behind', async () => {
    const mbox = await open();
    for (const [id, text] of [
      ['1', 'Return-Path: <bob@example.org>\r\nSubject: one\r\n\r\nFrom here\r\n>From there\r\n'],
      ['2', 'Subject: two\r\n\r\nno end'],
      ['3', 'Return-Path: <>\r\n\r\n'],
      ['4', 'Return-Path: <a b@x>\r\n\r\n'],
    ] as const)
      await mbox.stage(chunks(text), { name: nameOf(id) });
    expect(content()).toBe('');
    expect(await mbox.settle()).toEqual(
      [72, 22, 19, 24].map((size, n) => ({
        status: 'stored',
        name: nameOf(String(n + 1)),
        path: at('inbox'),
        size,
      })),
    );
    await mbox.close();
    expect(content()).toBe(
      'From bob@example.org Sun Nov  1 06:00:00 2026\nReturn-Path: <bob@example.org>\nSubject: one\n\n>From here\n>>From there\n\n' +
        `${SEPARATOR}Subject: two\n\nno end\n\n` +
        `${SEPARATOR}Return-Path: <>\n\n\n` +
        `${SEPARATOR}Return-Path: <a b@x>\n\n\n`,
    );
    expect(statSync(at('inbox')).mode & 0o777).toBe(0o600);
    expect(readdirSync(at('.'))).toHaveLength(2); // what was settled is known until it is recorded
    mbox.recorded();
    expect(readdirSync(at('.'))).toEqual(['inbox']);
  });

  test.each([
    ['From a Sun Nov  1 06:00:00 2026\nx\n\n', ''],
    ['From a Sun Nov  1 06:00:00 2026\nx\n', '\n'],
    ['From a Sun Nov  1 06:00:00 2026\nx', '\n\n'],
    ['From \n', '\n'],
  ])('%j is added to with %j between', async (old, gap) => {
    writeFileSync(at('inbox'), old);
    await (await open()).deliver(chunks('a\r\n'), { name: nameOf('1') });
    expect(content()).toBe(`${old}${gap}${SEPARATOR}a\n\n`);
  });

  test.each(['Dear diary\n', '\n', 'from me', '\0'])('%j is no mbox and stays as it is', async (old) => {
    writeFileSync(at('inbox'), old);
    await expect(open()).rejects.toThrow('is no mbox');
    expect(content()).toBe(old);
  });

  test('a directory is refused, with a better way', async () => {
    await expect(Mbox.open(at('.'), { prefix })).rejects.toMatchObject({
      hint: 'name a file; a directory can be a Maildir',
    });
  });

  test('a message that breaks off is not there, the one before and the one after are', async () => {
    const mbox = await open();
    await mbox.stage(chunks('one\r\n'), { name: nameOf('1') });
    await expect(mbox.stage(cut('From half\r\n'.repeat(100)), { name: nameOf('2') })).rejects.toThrow(
      'ended',
    );
    await mbox.stage(chunks('three\r\n'), { name: nameOf('3') });
    await mbox.settle();
    expect(content()).toBe(`${SEPARATOR}one\n\n${SEPARATOR}three\n\n`);
  });

  test('of several blocks', async () => {
    const mbox = await open();
    const text = 'From abc\r\n'.repeat(400_000);
    await mbox.deliver(chunks(text, 100_003), { name: nameOf('1') });
    expect(content()).toBe(`${SEPARATOR}${'>From abc\n'.repeat(400_000)}\n`);
  });

  test('messages staged while others are settled come behind them', async () => {
    const mbox = await open();
    for (let n = 0; n < 5; n++) {
      await mbox.stage(chunks(`${n}\r\n`), { name: nameOf(String(n)) });
      const settling = mbox.settle();
      await mbox.stage(chunks(`${n}b\r\n`), { name: nameOf(`${n}b`) });
      await settling;
    }
    await mbox.settle();
    mbox.recorded();
    await mbox.close();
    expect(content().match(/^\d.*$/gm)).toEqual(['0', '0b', '1', '1b', '2', '2b', '3', '3b', '4', '4b']);
    expect(readdirSync(at('.'))).toEqual(['inbox']);
  });
});

describe('its lock', () => {
  test('is held while it is added to, and no longer', async () => {
    let locked: boolean | undefined;
    const { disk } = faulty((call, _, args) => {
      if (call === 'write' && String(args[1]).includes(SEPARATOR)) locked = existsSync(at('inbox.lock'));
      return undefined;
    });
    const mbox = await open({ disk });
    await mbox.deliver(chunks('a\r\n'), { name: nameOf('1') });
    expect([locked, existsSync(at('inbox.lock'))]).toEqual([true, false]);
  });

  test('of another program is waited for; then it is an error, and nothing is added', async () => {
    writeFileSync(at('inbox.lock'), '0');
    const mbox = await open({ lockWaitMs: 100 });
    await expect(mbox.deliver(chunks('a\r\n'), { name: nameOf('1') })).rejects.toThrow(LockedError);
    expect(content()).toBe('');
    await mbox.close();
    expect(readdirSync(at('.')).sort()).toEqual(['inbox', 'inbox.lock']);
  });
});

describe('after a kill', () => {
  const two = async (disk: unknown) => {
    await using mbox = await Mbox.open(at('inbox'), { prefix, now, disk: disk as never });
    await mbox.stage(chunks('one\r\n'), { name: nameOf('1') });
    await mbox.stage(chunks('two\r\n'), { name: nameOf('2') });
    await mbox.settle();
    mbox.recorded();
  };
  const OLD = `${SEPARATOR}old\n\n`;
  const NEW = `${SEPARATOR}one\n\n${SEPARATOR}two\n\n`;

  test('at any octet of what is added, the half is cut off, and the messages come once', async () => {
    writeFileSync(at('inbox'), OLD);
    const spools = await spoolsAt((call) => call === 'write', two);
    expect(content()).toBe(OLD + NEW);
    expect(spools.size).toBe(1);
    for (let there = 0; there < NEW.length; there += 3) {
      writeFileSync(at('inbox'), OLD + NEW.slice(0, there));
      leaveSpool(spools);
      const mbox = await open();
      expect(content()).toBe(OLD);
      await mbox.close();
    }
    await two(undefined);
    expect(content()).toBe(OLD + NEW);
  });

  test('when all was added, it is known by name and text', async () => {
    const spools = await spoolsAt((call) => call === 'write', two);
    leaveSpool(spools);
    // A day later the line that says when it came is another.
    const mbox = await open({ now: () => now() + 3600_000 });
    await mbox.stage(chunks('one\r\n'), { name: nameOf('1') });
    await mbox.stage(chunks('other\r\n'), { name: nameOf('2') });
    expect((await mbox.settle()).map(({ status }) => status)).toEqual(['duplicate', 'stored']);
    expect(content().match(/^(one|two|other)$/gm)).toEqual(['one', 'two', 'other']);
  });

  test('what is known stays known until all of it was asked for, and recorded', async () => {
    leaveSpool(await spoolsAt((call) => call === 'write', two));
    const both = async (recorded: boolean) => {
      await using mbox = await open({ now: Date.now });
      await mbox.stage(chunks('one\r\n'), { name: nameOf('1') });
      await mbox.stage(chunks('two\r\n'), { name: nameOf('2') });
      expect((await mbox.settle()).map(({ status }) => status)).toEqual(['duplicate', 'duplicate']);
      if (recorded) mbox.recorded();
    };
    const deliver = async (id: string, text: string) => {
      await using mbox = await open({ now: Date.now });
      return (await mbox.deliver(chunks(text), { name: nameOf(id) })).status;
    };
    expect(await deliver('1', 'one\r\n')).toBe('duplicate');
    expect(await deliver('1', 'one\r\n')).toBe('duplicate');
    await both(false); // the disk of the state is full, say
    await both(false);
    await both(true);
    expect(readdirSync(at('.'))).toEqual(['inbox']);
  });

  test('mail that another program added since is never cut off', async () => {
    writeFileSync(at('inbox'), OLD);
    const spools = await spoolsAt((call) => call === 'write', two);
    const mixed = `${OLD}${NEW.slice(0, 60)}\n\nFrom x Sun Nov  1 06:00:00 2026\nother\n\n`;
    writeFileSync(at('inbox'), mixed);
    leaveSpool(spools);
    await (await open()).close();
    expect(content()).toBe(mixed);
  });

  test.each(['write', 'fsync'] as const)('nor when our own %s fails just then', async (what) => {
    writeFileSync(at('inbox'), OLD);
    const other = 'From x Sun Nov  1 06:00:00 2026\no\n\n';
    let done = false;
    const { disk } = faulty((call, _, args) => {
      if (done || call !== what || !existsSync(at('inbox.lock'))) return undefined;
      if (what === 'write' && !String(args[1]).startsWith(SEPARATOR)) return undefined;
      if (what === 'fsync' && content() === OLD) return undefined;
      done = true;
      appendFileSync(at('inbox'), other);
      return 'ENOSPC';
    });
    const mbox = await open({ disk });
    await expect(mbox.deliver(chunks('new\r\n'.repeat(50)), { name: nameOf('1') })).rejects.toThrow(
      'no space left',
    );
    expect(content().startsWith(OLD)).toBe(true);
    expect(content().endsWith(other)).toBe(true);
  });

  test('a mailbox that somebody wrote anew since is left as it is', async () => {
    for (const old of [OLD, `${OLD.trimEnd()}\n`]) {
      writeFileSync(at('inbox'), old);
      const spools = await spoolsAt((call) => call === 'write', two);
      for (const since of [`${old}From x Sun Nov  1 06:00:00 2026\n`, old.slice(0, 50), `${old}\n\n\n`]) {
        writeFileSync(at('inbox'), since);
        leaveSpool(spools);
        await (await open()).close();
        expect(content()).toBe(since);
      }
    }
  });

  test('a spool that was never finished, or is rubbish, is removed', async () => {
    for (const rubbish of [
      '',
      'half',
      `x\nmailtool-spool ${'9'.repeat(23)}\n`,
      `{}\nmailtool-spool ${'2'.padStart(23)}\n`,
    ]) {
      writeFileSync(at(`.inbox.${prefix}.${GONE}.spool`), rubbish);
      await (await open()).close();
      expect(readdirSync(at('.'))).toEqual(['inbox']);
    }
  });

  test('the half of another account’s message is cut off by who inherits the lock', async () => {
    const other = new MessageNames({ host: 'other', port: 110, user: 'bob' });
    writeFileSync(at('inbox'), OLD);
    const spools = await spoolsAt((call) => call === 'write', two);
    writeFileSync(at('inbox'), OLD + NEW.slice(0, 50));
    const mbox = await Mbox.open(at('inbox'), { prefix: other.prefix, now });
    leaveSpool(spools);
    writeFileSync(at('inbox.lock'), '4194999\n');
    const { processSpace } = await import('../../src/store/processes.ts');
    const { hostPart } = await import('../../src/store/names.ts');
    writeFileSync(at('inbox.lock'), `4194999\n${hostPart()} ${processSpace()} 1 1\n`);
    await mbox.deliver(chunks('bob\r\n'), { name: other.of({ uniqueId: '1', occurrence: 1 }) });
    expect(content()).toBe(`${OLD}${SEPARATOR}bob\n\n`);
  });
});

const READER = `
import mailbox, hashlib, sys, re
box = mailbox.mbox(sys.argv[1], create=False)
for key in box.keys():
    text = box.get_bytes(key)
    text = re.sub(rb'(?m)^>(>*From )', rb'\\1', text)
    print(hashlib.sha256(text).hexdigest(), box.get_message(key).get_from())
`;

const hasPython = (() => {
  try {
    execFileSync('python3', ['-c', 'import mailbox'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

test.skipIf(!hasPython)(
  'Python’s mailbox reads any messages back, unquoted as they were',
  { timeout: 120_000 },
  async () => {
    const line = fc.oneof(
      fc.constantFrom(
        'From ',
        'From x',
        '>From ',
        '>>>>From a b',
        ' From ',
        'from ',
        '>',
        '',
        'From',
        '\r',
        '.',
        '\0',
        'Fro',
      ),
      fc
        .string({ unit: fc.constantFrom('>', 'F', 'r', 'o', 'm', ' ', 'é', '\r') })
        .filter((text) => !text.endsWith('\r')),
    );
    const message = fc
      .tuple(
        fc.constantFrom('Subject: x', 'Return-Path: <a@b>'),
        fc.array(line, { maxLength: 12 }),
        fc.integer({ min: 1, max: 64 }),
      )
      .map(([first, lines, size]) => ({ text: `${[first, '', ...lines].join('\r\n')}\r\n`, size }));
    const messages = fc.sample(message, { numRuns: 2_000, seed: 7 });
    await using mbox = await open();
    for (const [n, { text, size }] of messages.entries()) {
      await mbox.stage(chunks(Buffer.from(text, 'latin1'), size), { name: nameOf(String(n)) });
      if (n % 64 === 63) await mbox.settle();
    }
    await mbox.settle();
    const read = execFileSync('python3', ['-c', READER, at('inbox')], { encoding: 'utf8', maxBuffer: 1e8 });
    const expected = messages.map(({ text }) => {
      const stored = Buffer.from(text.replaceAll('\r\n', '\n'), 'latin1');
      const sender = text.startsWith('Return') ? 'a@b' : 'MAILER-DAEMON';
      return `${createHash('sha256').update(stored).digest('hex')} ${sender} Sun Nov  1 06:00:00 2026`;
    });
    const lines = read.trim().split('\n');
    expect(lines).toHaveLength(expected.length);
    // The first one that differs, with its text; thousands of digests would say less.
    const differs = lines.findIndex((line, n) => line !== expected[n]);
    expect(differs === -1 ? undefined : messages[differs]).toBeUndefined();
  },
);
