// 100 messages over one connection whose every reply takes 20 ms. A turn is one round trip: the client has heard
// everything that was said, and speaks. Turns are counted by the server, so that they say the same on any machine.
import { spawnSync } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { contenders } from './many.mjs';
import { installed, serve } from './measure.mjs';

const COUNT = 100;
const DELAY_MS = 20;
/** Greeting, EHLO and QUIT, whatever the number of messages. */
const FIXED_TURNS = 3;
const TARGETS = { 'mailtool, raw': 1.1, 'mailtool, composed': 1.1, 'mailtool, raw, BDAT': 0.1 };

export async function run() {
  const sink = await serve('sink.mjs', ['--delay', String(DELAY_MS)]);
  process.stdout.write(`\n${COUNT} messages over ${DELAY_MS} ms of latency: round trips a message\n`);
  try {
    for (const { name, command, args, input, needs } of contenders(sink.ready.port, COUNT)) {
      if (needs !== undefined && !installed(needs)) continue;
      const before = sink.told.length;
      const { status } = spawnSync(command, args, { input, stdio: ['pipe', 'ignore', 'ignore'] });
      if (status !== 0) throw new Error(`${name} failed (${status})`);
      for (let tries = 0; sink.told.length === before && tries < 200; tries++) await pause(10);
      const seen = sink.told.slice(before);
      const turns = seen.reduce((sum, one) => sum + one.turns, 0);
      const messages = seen.reduce((sum, one) => sum + one.messages, 0);
      if (messages !== COUNT) throw new Error(`${name}: ${messages} messages arrived`);
      const each = (turns - FIXED_TURNS) / COUNT;
      const target = TARGETS[name];
      const verdict =
        target === undefined ? '' : `  (target ${target}: ${each <= target ? 'met' : 'MISSED'})`;
      process.stdout.write(
        `  ${name.padEnd(34)} ${each.toFixed(2).padStart(6)}  over ${seen.length} connection${seen.length === 1 ? '' : 's'}${verdict}\n`,
      );
    }
  } finally {
    sink.stop();
  }
}
