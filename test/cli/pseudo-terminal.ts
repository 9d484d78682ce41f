import { spawn } from 'node:child_process';
import { BIN, cleanEnv, type RunOptions } from './mailtool.ts';

// pty.spawn copies between our streams and the terminal's; it leaves with the command's exit code.
const PTY = 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))';

/** Runs `mailtool ARGS` on a pseudo-terminal (all three streams), and gives all that came to it. */
export function onTerminal(
  args: readonly string[],
  options: Pick<RunOptions, 'env' | 'input'> = {},
): Promise<{ readonly code: number | null; readonly screen: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn('python3', ['-c', PTY, process.execPath, BIN, ...args], {
      cwd: '/',
      env: cleanEnv({ TERM: 'xterm', ...options.env }),
    });
    const out: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    // Standard input stays open: its end would be typed as Ctrl-D.
    if (options.input !== undefined) child.stdin.write(options.input);
    child.on('error', reject);
    child.on('close', (code) => {
      child.stdin.destroy();
      resolve({ code, screen: Buffer.concat(out).toString() });
    });
  });
}
