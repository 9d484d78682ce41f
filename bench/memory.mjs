// Peak memory of whole commands by the size of what they carry, through Postfix and Dovecot with TLS and a login. What
// counts is the growth from a small attachment to a large one: mail is streamed, so there must be next to none.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { findServers } from './dovecot.mjs';
import { fill, MAILTOOL } from './measure.mjs';

const MB = 1024 * 1024;
const USER = 'mona';

/** Runs mailtool under time(1); gives the peak of its resident set in megabytes, and the seconds it took. */
function measured(args, env, directory) {
  const output = join(directory, 'time');
  const result = spawnSync(
    '/usr/bin/time',
    ['-f', '%M %e', '-o', output, process.execPath, MAILTOOL, ...args],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { PATH: process.env.PATH, HOME: directory, ...env },
      cwd: directory,
    },
  );
  if (result.error) throw result.error;
  if (result.status !== 0) throw new Error(`mailtool ${args[0]} gave ${result.status}: ${result.stderr}`);
  const [kilobytes, seconds] = readFileSync(output, 'latin1').trim().split(' ').map(Number);
  return { peakMb: kilobytes / 1024, seconds };
}

/** Waits for the only message of a Maildir. */
async function arrival(maildir) {
  const folder = join(maildir, 'new');
  const end = performance.now() + 120_000;
  while (!existsSync(folder) || readdirSync(folder).length === 0) {
    if (performance.now() > end) throw new Error('the message was not delivered within two minutes');
    await pause(100);
  }
}

/**
 * Sends an attachment of each size and retrieves the message into a file.
 * `servers` is what scripts/interop/servers.mjs describes. Sizes are in octets, `peakMb` in 2^20 octets.
 */
export async function measureMemory(servers, sizes) {
  const user = servers.users.find((each) => each.user === USER);
  const maildir = join(servers.mail, USER, 'Maildir');
  const directory = mkdtempSync(join(tmpdir(), 'mailtool-memory-'));
  const login = (protocol, port, tls) => ({
    [`MAILTOOL_${protocol}_HOST`]: servers.host,
    [`MAILTOOL_${protocol}_PORT`]: String(port),
    [`MAILTOOL_${protocol}_TLS`]: tls,
    [`MAILTOOL_${protocol}_USER`]: user.user,
    [`MAILTOOL_${protocol}_PASSWORD`]: user.password,
    MAILTOOL_TLS_CA: servers.tls.ca,
  });
  const rows = [];
  try {
    for (const size of sizes) {
      rmSync(maildir, { recursive: true, force: true });
      const attachment = join(directory, 'attachment.bin');
      const message = join(directory, 'message.eml');
      fill(attachment, size);
      const send = measured(
        [
          'send',
          '-f',
          'bench@mail.test',
          '-t',
          user.address,
          '-s',
          'memory',
          '-m',
          'attached',
          '-A',
          attachment,
        ],
        login('SMTP', servers.smtp.starttls, 'starttls'),
        directory,
      );
      await arrival(maildir);
      const retr = measured(
        ['retr', '1', '-o', message],
        login('POP3', servers.pop3.implicit, 'implicit'),
        directory,
      );
      rows.push({ size, send, retr, retrieved: statSync(message).size });
      rmSync(attachment);
      rmSync(message);
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
    rmSync(maildir, { recursive: true, force: true });
  }
  return rows;
}

export async function run() {
  const servers = findServers('memory');
  if (servers === undefined) return;
  try {
    const rows = await measureMemory(JSON.parse(readFileSync(servers.description, 'utf8')), [MB, 200 * MB]);
    process.stdout.write('\nmemory: peak resident set of the whole process, TLS and login included\n');
    for (const what of ['send', 'retr']) {
      const base = rows[0][what].peakMb;
      for (const { size, [what]: got } of rows) {
        const growth = got.peakMb - base;
        const verdict = growth <= 20 ? 'met' : 'MISSED';
        process.stdout.write(
          `  ${what} ${String(size / MB).padStart(4)} MB ${got.peakMb.toFixed(1).padStart(9)} MB  ${growth.toFixed(1).padStart(6)} more  ${got.seconds.toFixed(2).padStart(7)} s${got.peakMb === base ? '' : `  (target 20 more: ${verdict})`}\n`,
        );
      }
    }
  } finally {
    servers.stop();
  }
}
