import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { expect } from 'vitest';

/** Whether there is no python3 to ask. */
export const noPython: boolean = spawnSync('python3', ['--version']).status !== 0;

/** What a script of this folder says of each message; one process for all of them. */
export async function askPython<T>(script: string, messages: readonly Buffer[]): Promise<T[]> {
  const python = spawn('python3', [join(import.meta.dirname, script)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  python.stdin.end(JSON.stringify(messages.map((message) => message.toString('base64'))));
  const [answer, [status]] = await Promise.all([textOf(python.stdout), once(python, 'close')]);
  expect(status).toBe(0);
  return JSON.parse(answer) as T[];
}
