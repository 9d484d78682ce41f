// Times whole commands against each other. The commands take turns, so that a machine whose speed drifts slows all of
// them alike; what counts is the ratio of medians within one run, never a time by itself.
import { spawn, spawnSync } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { accessSync, closeSync, constants, openSync, writeSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';

/** @typedef {{ name: string, command: string, args: string[], input?: string, env?: Record<string, string>, needs?: string, tells?: boolean, before?: () => void }} Contender `tells`: it prints its own time, in ms; `before` each run, untimed */

export function installed(program) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

export const median = (numbers) => {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

function once({ name, command, args, input, env, tells, before }) {
  before?.();
  const started = performance.now();
  const result = spawnSync(command, args, {
    stdio: [input === undefined ? 'ignore' : 'pipe', tells ? 'pipe' : 'ignore', 'pipe'],
    input,
    env: { PATH: process.env.PATH, HOME: '/nonexistent', ...env },
    timeout: 600_000,
  });
  const wall = performance.now() - started;
  if (result.status !== 0) {
    throw new Error(
      `${name} failed (${result.status ?? result.signal}): ${String(result.stderr).slice(0, 400)}`,
    );
  }
  return tells ? Number(String(result.stdout)) : wall;
}

/**
 * Runs every contender `rounds` times in turn, after one warm-up each if there is `warmth`; gives the medians by name, absent
 * ones left out.
 * @param {Contender[]} contenders
 */
export function race(contenders, rounds, warmth = true) {
  const present = contenders.filter(({ needs }) => needs === undefined || installed(needs));
  const times = new Map(present.map(({ name }) => [name, []]));
  if (warmth) for (const contender of present) once(contender);
  for (let round = 0; round < rounds; round++) {
    for (const contender of present) times.get(contender.name).push(once(contender));
  }
  return new Map([...times].map(([name, walls]) => [name, median(walls)]));
}

/** The peak of a command's resident set in one run, in 2^20 octets. Needs GNU time. */
export function peak({ name, command, args, env, before }) {
  before?.();
  const result = spawnSync('/usr/bin/time', ['-f', '%M', command, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
    env: { PATH: process.env.PATH, HOME: '/nonexistent', ...env },
  });
  if (result.status !== 0)
    throw new Error(`${name} failed (${result.status}): ${result.stderr.slice(0, 400)}`);
  return Number(result.stderr.trim().split('\n').at(-1)) / 1024;
}

/** Prints medians and ratios to `baseline`; `targets` are the ratios that must not be passed. */
export function report(title, medians, baseline, targets = {}) {
  const base = medians.get(baseline);
  process.stdout.write(`\n${title}\n`);
  for (const [name, wall] of medians) {
    const ratio = wall / base;
    const target = targets[name];
    const verdict =
      target === undefined
        ? ''
        : ratio <= target
          ? `  (target ${target}: met)`
          : `  (target ${target}: MISSED)`;
    process.stdout.write(
      `  ${name.padEnd(34)} ${wall.toFixed(1).padStart(9)} ms  ${ratio.toFixed(2).padStart(6)} x${verdict}\n`,
    );
  }
}

/**
 * Starts a helper program of this folder; resolves with the JSON line that it prints when ready, those that it prints
 * later, and a way to stop it.
 */
export async function serve(file, args = []) {
  const child = spawn(process.execPath, [join(import.meta.dirname, file), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout });
  const told = [];
  const ready = await new Promise((resolve, reject) => {
    lines.once('line', (line) => {
      resolve(JSON.parse(line));
      lines.on('line', (next) => told.push(JSON.parse(next)));
    });
    child.once('exit', (code) => reject(new Error(`${file} ended with ${code}`)));
  });
  return { ready, told, stop: () => child.kill() };
}

/** Octets that no compression of TLS or of a file system makes small. */
export function fill(path, size) {
  const block = Buffer.alloc(1024 * 1024);
  const file = openSync(path, 'w');
  try {
    for (let left = size; left > 0; left -= block.length) {
      writeSync(file, randomFillSync(block), 0, Math.min(left, block.length));
    }
  } finally {
    closeSync(file);
  }
}

export const MAILTOOL = join(import.meta.dirname, '..', 'bin', 'mailtool.cjs');
