// Starting a program that goes into the background, and finding it again.
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';

/**
 * Runs a command that forks a daemon and returns when the command itself has ended. The daemon keeps the streams it was
 * given, and a pipe would be held open as long as it runs: hence a file, which becomes the error's text.
 */
export function runToBackground(command, args, file) {
  const output = openSync(file, 'w');
  try {
    execFileSync(command, args, { stdio: ['ignore', output, output] });
  } catch (error) {
    throw new Error(`${command} did not start: ${readFileSync(file, 'utf8').trim() || error.message}`);
  } finally {
    closeSync(output);
  }
}

/** The process id that a daemon wrote to `file`, or undefined. */
export function readPid(file) {
  try {
    const pid = Number(readFileSync(file, 'latin1').trim());
    return pid > 1 ? pid : undefined;
  } catch {
    return undefined;
  }
}
