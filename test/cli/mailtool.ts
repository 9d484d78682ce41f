import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The command as users start it; another build of it when `MAILTOOL_INTEROP_BIN` names one. */
export const BIN =
  process.env['MAILTOOL_INTEROP_BIN'] ?? fileURLToPath(new URL('../../bin/mailtool.cjs', import.meta.url));

export interface Ran {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Absent: nothing, as under cron. Null: a pipe that nobody writes to and nobody closes. */
  readonly input?: string | Uint8Array | null;
  readonly cwd?: string;
  /** Told of everything on stderr as it comes, with a way to signal the process, once. */
  readonly onStderr?: (text: string, kill: (signal: NodeJS.Signals) => void) => void;
}

/** A clean environment: what the machine has set must not decide a test. */
export function cleanEnv(env: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', LANG: 'C.UTF-8', ...env };
}

/** Runs `mailtool ARGS` as a process of its own, in a directory without a `.env`, and collects what it says. */
export function mailtool(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [BIN, ...args], {
      cwd: options.cwd ?? '/',
      env: cleanEnv(options.env),
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let signalled = false;
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => {
      err.push(chunk);
      options.onStderr?.(Buffer.concat(err).toString(), (signal) => {
        if (!signalled) child.kill(signal);
        signalled = true;
      });
    });
    // A command that fails early does not read its input.
    child.stdin.on('error', () => undefined);
    if (options.input !== null) child.stdin.end(options.input ?? '');
    child.on('error', reject);
    child.on('exit', () => child.stdin.destroy());
    child.on('close', (code, signal) =>
      resolve({ code, signal, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() }),
    );
  });
}
