import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Context } from './context.ts';

/** As a shell returns them. */
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;

/**
 * Runs `program` on our own streams and resolves with its exit code: 128+n when signal n ended it. A SIGTERM to us goes
 * on to it; a SIGINT of the terminal has reached it already.
 */
export function runChild(
  ctx: Context,
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(program, [...args], { stdio: 'inherit', env: { ...env } });
    const pass = () => {
      if (ctx.signal.reason === 'SIGTERM' || !ctx.io.stdin.isTTY) {
        child.kill(ctx.signal.reason === 'SIGTERM' ? 'SIGTERM' : 'SIGINT');
      }
    };
    ctx.signal.addEventListener('abort', pass, { once: true });
    if (ctx.signal.aborted) pass();
    const end = (exit: number) => {
      ctx.signal.removeEventListener('abort', pass);
      resolve(exit);
    };
    child.once('error', (error) => {
      const code = 'code' in error ? error.code : '';
      ctx.output.error(
        `cannot run ${program}: ${code === 'ENOENT' ? 'there is no such command' : error.message}`,
        "after -- comes a program and its arguments; for a line of shell: sh -c '...'",
      );
      end(code === 'ENOENT' ? NOT_FOUND : NOT_EXECUTABLE);
    });
    child.once('exit', (code, signal) =>
      end(code ?? 128 + (signal === null ? 0 : (constants.signals[signal] ?? 0))),
    );
  });
}
