import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { messageText } from './fetcher-messages.mjs';
import { temporaryDirectory } from './messages.ts';

const at = temporaryDirectory();
const COUNT = 300;
/** More of them for a longer search: MAILTOOL_CRASHES=200. */
const CRASHES = Number(process.env['MAILTOOL_CRASHES'] ?? 12);
const FETCHER = join(import.meta.dirname, 'fetcher.mjs');

interface Ended {
  readonly output: string;
  readonly errors: string;
  readonly code: number | null;
}

/** Runs the fetcher, and kills it so long after it began its work. */
function fetchMail(kind: string, killAfterMs?: number): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [FETCHER, kind, at('.'), String(COUNT)]);
    let output = '';
    let errors = '';
    child.stdout.on('data', (chunk) => {
      if (output === '' && killAfterMs !== undefined) setTimeout(() => child.kill('SIGKILL'), killAfterMs);
      output += chunk;
    });
    child.stderr.on('data', (chunk) => {
      errors += chunk;
    });
    child.on('close', (code) => resolve({ output, errors, code }));
  });
}

const filesIn = (path: string) => (existsSync(path) ? readdirSync(path) : []);
const read = (...parts: string[]) => readFileSync(at(...parts), 'latin1');

/** What somebody who looks for mail finds. */
const FOUND: Readonly<Record<string, () => string[]>> = {
  Maildir: () => filesIn(at('mail/new')).map((file) => read('mail/new', file)),
  Folder: () => filesIn(at('mail')).flatMap((file) => (file.endsWith('.eml') ? [read('mail', file)] : [])),
  Exec: () => filesIn(at('mail')).flatMap((file) => (file.startsWith('m-') ? [read('mail', file)] : [])),
  // Only once a run has set right what the one before left: until then there may be half of one at the end.
  Mbox: () =>
    (existsSync(at('mail/inbox')) ? read('mail/inbox') : '')
      .split(/^From MAILER-DAEMON .*\n/m)
      .slice(1)
      .map((entry) => entry.replace(/\n\n$/, '\n').replaceAll('>From', 'From').replaceAll('\n', '\r\n')),
};

const ALL = Array.from({ length: COUNT }, (_, n) => messageText(n + 1)).sort();
const WHOLE = new Set(ALL);

describe.each(['Maildir', 'Folder', 'Mbox', 'Exec'])('%s', (kind) => {
  const found = FOUND[kind] as () => string[];
  const deleted = () => (existsSync(at('deleted')) ? read('deleted').trim().split('\n') : []);

  function checkAfterKill(): void {
    const here = found();
    const half = here.filter((text) => !WHOLE.has(text));
    expect(half.length).toBeLessThanOrEqual(kind === 'Mbox' ? 1 : 0);
    expect(half.every((text) => here.indexOf(text) === here.length - 1)).toBe(true);
    const there = new Set(here);
    expect(deleted().filter((number) => number !== '' && !there.has(messageText(Number(number))))).toEqual(
      [],
    );
  }

  function checkWhenDone(): void {
    expect(found().sort()).toEqual(ALL);
    expect(new Set(deleted()).size).toBe(COUNT);
    expect(filesIn(at('state')).filter((file) => !file.endsWith('.journal'))).toEqual([]);
    if (kind === 'Maildir') expect(filesIn(at('mail/tmp'))).toEqual([]);
    if (kind === 'Folder') expect(filesIn(at('mail'))).toHaveLength(COUNT);
  }

  test('killed again and again, it has every message once, and the server lost none that is not here', {
    timeout: 3_600_000,
  }, async () => {
    let seed = 12_345;
    for (let killed = 0; killed < CRASHES; ) {
      for (const part of ['mail', 'state', 'deleted']) rmSync(at(part), { recursive: true, force: true });
      mkdirSync(at('mail'));
      for (let done = false; !done; ) {
        seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
        const { errors, code } = await fetchMail(kind, killed < CRASHES ? seed % 37 : undefined);
        expect(errors).toBe('');
        done = code === 0;
        if (done) break;
        killed++;
        checkAfterKill();
      }
      checkWhenDone();
    }
  });
});

test('of two at once one works, and the other says who does', async () => {
  mkdirSync(at('mail'));
  const runs = await Promise.all([fetchMail('Maildir'), fetchMail('Maildir'), fetchMail('Maildir')]);
  const refused = runs.filter(({ code }) => code !== 0);
  for (const { errors } of refused) expect(errors).toMatch(/the account is in use by process \d+/);
  expect(runs.length - refused.length).toBeGreaterThanOrEqual(1);
  expect(FOUND['Maildir']?.().sort()).toEqual(ALL);
});
