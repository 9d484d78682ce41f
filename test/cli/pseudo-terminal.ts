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
  /** Told of everything on the screen so far, as it comes, with a way to type. */
  readonly onScreen?: (screen: string, type: (text: string) => void) => void;
  /** Typed at once. */
  readonly input?: string;
  /** A file to be standard input, in place of the terminal. */
  readonly stdin?: string;
  /** What a shell runs on the terminal; `"$@"` in it is mailtool with its arguments. */
  readonly script?: string;
}

/** Runs `mailtool ARGS` on a pseudo-terminal (all three streams), and gives all that came to it. */
export function onTerminal(args: readonly string[], options: TerminalOptions = {}): Promise<Screen> {
  const command = [process.execPath, BIN, ...args];
  const script = options.script ?? (options.stdin === undefined ? undefined : 'exec "$@" < "$0"');
  const redirected = script === undefined ? [] : ['sh', '-c', script, options.stdin ?? 'sh'];
  return new Promise((resolve, reject) => {
    const child = spawn('python3', ['-c', PTY, ...redirected, ...command], {
      cwd: '/',
      env: cleanEnv({ TERM: 'xterm', ...options.env }),
    });
    let screen = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      screen += text;
      options.onScreen?.(screen, (typed) => child.stdin.write(typed));
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
