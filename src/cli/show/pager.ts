import { spawn } from 'node:child_process';
import type { Context } from '../context.ts';

/**
 * Shows `text`, which has to be safe for a terminal by now, in the reader's pager; false where there is none, and nothing was
 * shown. `less` gets no options but to leave what fits on the screen there: it is to interpret nothing.
 */
export function page(ctx: Context, text: string): Promise<boolean> {
  const { env } = ctx.io;
  const wanted = env['PAGER'];
  if (wanted?.trim() === '' || wanted === 'cat') return Promise.resolve(false);
  ctx.io.takeSignals(); // Ctrl-C is the pager's while it runs
  return new Promise((resolve) => {
    const child = spawn(wanted ?? 'less', {
      // As everybody does it: the variable is a command line.
      shell: wanted !== undefined,
      stdio: ['pipe', 'inherit', 'inherit'],
      env: { ...env, LESS: env['LESS'] ?? 'FX', LESSSECURE: env['LESSSECURE'] ?? '1' },
    });
    const stop = () => {
      if (ctx.signal.reason === 'SIGTERM') child.kill();
    };
    ctx.signal.addEventListener('abort', stop, { once: true });
    const end = (shown: boolean) => {
      ctx.signal.removeEventListener('abort', stop);
      resolve(shown);
    };
    child.stdin?.on('error', () => undefined); // the reader has seen enough
    child.once('error', () => end(false));
    child.once('exit', (code) => end(code !== COMMAND_NOT_FOUND));
    child.stdin?.end(text);
  });
}

/** What a shell says of a pager that is not installed. */
const COMMAND_NOT_FOUND = 127;
