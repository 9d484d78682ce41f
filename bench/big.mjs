// A large attachment as a whole process, by rate, and what it costs in memory beside a small one.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fill, installed, MAILTOOL, median, serve } from './measure.mjs';

const MB = 1024 * 1024;
const LARGE_MB = 512;
const ROUNDS = 3;

/** Runs a command under time(1) where that is there: seconds, and the peak of the resident set in MB. */
function run1({ name, command, args, env }) {
  const timed = installed('time');
  const full = timed ? ['-f', '%M', command, ...args] : args;
  const started = performance.now();
  const { status, stderr } = spawnSync(timed ? 'time' : command, full, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env.PATH, HOME: '/nonexistent', ...env },
  });
  const seconds = (performance.now() - started) / 1000;
  if (status !== 0) throw new Error(`${name} failed (${status}): ${String(stderr).slice(0, 400)}`);
  const peak = Number(/(\d+)\s*$/.exec(String(stderr))?.[1]) / 1024;
  return { seconds, peak };
}

export async function run() {
  const folder = mkdtempSync(join(tmpdir(), 'mailtool-bench-'));
  const sink = await serve('sink.mjs');
  const port = String(sink.ready.port);
  const large = join(folder, 'large.bin');
  const small = join(folder, 'small.bin');
  try {
    fill(large, LARGE_MB * MB);
    fill(small, MB);
    const send = (path, ...more) => ({
      name: `mailtool send${more.length > 0 ? ' by BDAT' : ''}`,
      command: process.execPath,
      args: [
        MAILTOOL,
        ...'send -f a@example.org -t b@example.org -s benchmark -m file -A'.split(' '),
        path,
        ...more,
      ],
      env: { MAILTOOL_SMTP_HOST: '127.0.0.1', MAILTOOL_SMTP_PORT: port, MAILTOOL_SMTP_TLS: 'none' },
    });
    const contenders = [
      send(large),
      send(large, '--chunking'),
      {
        name: 'a nodemailer script',
        command: process.execPath,
        args: [join(import.meta.dirname, 'peers/nodemailer_attach.mjs'), port, large],
      },
      {
        name: 'curl, the file without any encoding',
        command: 'curl',
        args: `-sS smtp://127.0.0.1:${port} --mail-from a@example.org --mail-rcpt b@example.org -T ${large}`.split(
          ' ',
        ),
        needs: 'curl',
      },
    ].filter(({ needs }) => needs === undefined || installed(needs));
    const seen = new Map(contenders.map(({ name }) => [name, { seconds: [], peak: 0 }]));
    for (let round = 0; round < ROUNDS; round++) {
      for (const contender of contenders) {
        const { seconds, peak } = run1(contender);
        const all = seen.get(contender.name);
        all.seconds.push(seconds);
        all.peak = Math.max(all.peak, peak);
      }
    }
    process.stdout.write(`\na ${LARGE_MB} MB attachment\n`);
    for (const [name, { seconds, peak }] of seen) {
      const rate = LARGE_MB / median(seconds);
      process.stdout.write(
        `  ${name.padEnd(38)} ${rate.toFixed(0).padStart(6)} MB/s  peak ${peak.toFixed(1).padStart(7)} MB\n`,
      );
    }
    const ours = seen.get('mailtool send');
    const faster = median(seen.get('a nodemailer script').seconds) / median(ours.seconds);
    const growth = ours.peak - run1(send(small)).peak;
    process.stdout.write(
      `  mailtool is ${faster.toFixed(2)} times as fast as the nodemailer script (target 5: ${faster >= 5 ? 'met' : 'MISSED'})\n` +
        `  its peak memory is ${growth.toFixed(1)} MB above that of a 1 MB attachment (limit 20: ${growth <= 20 ? 'met' : 'MISSED'})\n`,
    );
  } finally {
    sink.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
