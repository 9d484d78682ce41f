import { spawn } from 'node:child_process';
import { BIN, cleanEnv, type RunOptions } from './mailtool.ts';

// pty.spawn copies between our streams and the terminal's; it leaves with the command's exit code.
const PTY = 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))';

export interface Screen {
  readonly code: number | null;
  /** All that came to the terminal. */
  readonly screen: string;
}

export interface TerminalOptions extends Pick<RunOptions, 'env'> {
  /** Told of everything on the screen so far, as it comes. */
  readonly onScreen?: (screen: string) => void;
  /** Typed at once. */
  readonly input?: string;
  /** A file to be standard input, in place of the terminal. */
  readonly stdin?: string;
}

/** Runs `mailtool ARGS` on a pseudo-terminal (all three streams), and gives all that came to it. */
export function onTerminal(args: readonly string[], options: TerminalOptions = {}): Promise<Screen> {
  const command = [process.execPath, BIN, ...args];
  const redirected = options.stdin === undefined ? [] : ['sh', '-c', 'exec "$@" < "$0"', options.stdin];
  return new Promise((resolve, reject) => {
    const child = spawn('python3', ['-c', PTY, ...redirected, ...command], {
      cwd: '/',
      env: cleanEnv({ TERM: 'xterm', ...options.env }),
    });
    let screen = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      screen += text;
      options.onScreen?.(screen);
    });
    if (options.input !== undefined) child.stdin.write(options.input);
    // Standard input stays open until then: its end would be typed as Ctrl-D.
    child.on('error', reject);
    child.on('close', (code) => {
      child.stdin.destroy();
      resolve({ code, screen });
    });
  });
}
