import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { BIN, mailtool, pop3Login, workspace } from './command.ts';
import { deliverMany, poplib } from './maildrop.ts';
import { account, describeInterop } from './servers.ts';

const MESSAGES = 300;
/** How often it is killed, at the least; `MAILTOOL_KILLS` has more. */
const KILLS = Number(process.env['MAILTOOL_KILLS'] ?? 20);

describeInterop('fetch --delete, killed again and again', (servers) => {
  it('stores each message whole, once or by a name that shows it, and loses none', async () => {
    const user = account(servers, 'nina');
    const marker = randomUUID();
    const files = workspace();
    const env = {
      ...pop3Login(servers, { user, port: servers.pop3.implicit, tls: 'implicit' }),
      PATH: process.env['PATH'] ?? '',
      HOME: files.path,
      MAILTOOL_STATE_DIR: join(files.path, 'state'),
    };
    const args = ['fetch', '--maildir', join(files.path, 'Mail'), '--delete'];
    const wanted: string[] = [];
    let kills = 0;
    let round = 0;
    while (kills < KILLS) {
      round += 1;
      const batch = Array.from(
        { length: MESSAGES },
        (_, at) =>
          `Subject: ${round}-${at}\r\nX-Marker: ${marker}\r\n\r\n${`${'x'.repeat(at)}\r\n`.repeat(9)}`,
      );
      wanted.push(...batch);
      deliverMany(servers, user, batch);
      for (let tries = 0; tries < 20; tries++) {
        const child = spawn(process.execPath, [BIN, ...args], { env, cwd: files.path, stdio: 'ignore' });
        const ended = new Promise<boolean>((resolve) => child.on('exit', (code) => resolve(code === 0)));
        // From before the log-in to after the last message.
        const killed = await Promise.race([
          pause(80 + Math.random() * 500).then(() => true),
          ended.then(() => false),
        ]);
        if (!killed) break;
        child.kill('SIGKILL');
        await ended;
        kills += 1;
      }
    }
    const last = await mailtool(args, { env });
    expect({ status: last.status, stderr: last.stderr }).toEqual({ status: 0, stderr: '' });
    expect(await poplib(servers, user, marker)).toEqual([]);

    const inbox = join(files.path, 'Mail/new');
    const found = readdirSync(inbox).map((name) => ({
      name,
      text: readFileSync(join(inbox, name), 'latin1'),
    }));
    const texts = found.map(({ text }) => text.slice(text.indexOf('Subject: ')));
    expect([...new Set(texts)].sort()).toEqual([...wanted].sort());
    // What is there twice has the same name twice.
    const ids = found.map(({ name }) => /mt[0-9a-f]{8}-[0-9a-f]{24}/.exec(name)?.[0]);
    expect(new Set(ids).size).toBe(wanted.length);
    expect(found.length - wanted.length).toBeLessThanOrEqual(kills);
    files.remove();
  }, 600_000);
});
