import { randomUUID } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { batchOf, textsIn, textsOfMbox } from './batches.ts';
import { mailtool, pop3Login, workspace } from './command.ts';
import { deliverMany, empty, poplib } from './maildrop.ts';
import { account, describeInterop } from './servers.ts';
import { smallDisk, whyNoSmallDisks } from './small-disk.ts';

const ROOMY_KB = 16_384;

interface Case {
  readonly kind: 'maildir' | 'mbox' | 'dir';
  /** What the small disk holds: mail and state, or the state alone. */
  readonly holds: 'all' | 'state';
  readonly kilobytes: number;
}

// From one that cannot even hold the journal to one that lacks the last messages, or the last lines.
const sizes = {
  maildir: [8, 200, 700, 1_150],
  dir: [8, 700],
  mbox: [8, 100, 300, 520],
  state: [4, 24, 40, 56],
};
const cases: readonly Case[] = [
  ...(['maildir', 'dir', 'mbox'] as const).flatMap((kind) =>
    sizes[kind].map((kilobytes): Case => ({ kind, holds: 'all', kilobytes })),
  ),
  ...(['maildir', 'mbox'] as const).flatMap((kind) =>
    sizes.state.map((kilobytes): Case => ({ kind, holds: 'state', kilobytes })),
  ),
];

/** What is there for a reader of mail. */
function storedIn(kind: Case['kind'], target: string): string[] {
  try {
    if (kind === 'mbox') return textsOfMbox(target);
    return textsIn(kind === 'maildir' ? join(target, 'new') : target);
  } catch {
    return []; // the disk was full before the place was made
  }
}

/**
 * Files that only a run at work has. The spool of an mbox is none: what half a line of the journal already told of is never
 * asked for again, and then it stays for a day.
 */
function leftIn({ kind }: Case, target: string): string[] {
  if (kind === 'maildir') return readdirSync(join(target, 'tmp'));
  const files = readdirSync(kind === 'mbox' ? join(target, '..') : target);
  return files.filter((name) => /^\.|\.(?:tmp|lock)$/.test(name) && !name.endsWith('.spool'));
}

describeInterop('fetch --delete onto a disk that is full', (servers) => {
  const why = whyNoSmallDisks();
  it.for(cases)(
    '$kind, $holds of it within $kilobytes kB',
    { timeout: 120_000 },
    async (chosen, { skip }) => {
      if (why !== undefined) skip(why);
      const { kind, holds, kilobytes } = chosen;
      const user = account(servers, 'quinn');
      await empty(servers, user);
      const marker = randomUUID();
      const wanted = batchOf(marker, 1);
      deliverMany(servers, user, wanted);
      using disk = smallDisk(kilobytes);
      const files = workspace();
      const target = join(holds === 'all' ? disk.path : files.path, 'mail');
      const env = {
        ...pop3Login(servers, { user, port: servers.pop3.implicit, tls: 'implicit' }),
        MAILTOOL_STATE_DIR: join(disk.path, 'state'),
      };
      const fetch = () => mailtool(['fetch', `--${kind}`, target, '--delete'], { env });

      for (let tries = 0; tries < 2; tries++) {
        const full = await fetch();
        expect([73, 74], full.stderr).toContain(full.status);
        expect(full.stderr).toMatch(/no space left on the device/);
        expect(full.stderr).toContain(disk.path);
        const stored = storedIn(kind, target);
        const onServer = (await poplib(servers, user, marker)).map(({ raw }) => raw.toString('latin1'));
        expect(stored.filter((text) => !wanted.includes(text))).toEqual([]);
        expect(wanted.filter((text) => !onServer.includes(text) && !stored.includes(text))).toEqual([]);
        if (stored.length > 0) expect(leftIn(chosen, target)).toEqual([]);
        // Said once, not for each message that found no room.
        expect(full.stderr.split('\n').length).toBeLessThan(8);
        if (process.env['MAILTOOL_KILLS'] !== undefined)
          console.log({ ...chosen, exit: full.status, stored: stored.length, onServer: onServer.length });
      }

      disk.resize(ROOMY_KB);
      const roomy = await fetch();
      expect({ status: roomy.status, stderr: roomy.stderr }).toEqual({ status: 0, stderr: '' });
      expect(await poplib(servers, user, marker)).toEqual([]);
      expect(storedIn(kind, target).sort()).toEqual([...wanted].sort());
      expect(leftIn(chosen, target)).toEqual([]);
      files.remove();
    },
  );
});
