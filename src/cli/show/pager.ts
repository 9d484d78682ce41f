import { spawn } from 'node:child_process';
import { InterruptedError } from '../../errors.ts';
import type { Context } from '../context.ts';

/**
 * Shows `text`, which has to be safe for a terminal by now, in the reader's pager; false where there is none, and nothing was
 * shown. `less` gets no options but to leave what fits on the screen there: it is to interpret nothing. A SIGTERM ends it, and is
 * an `InterruptedError`; a SIGINT is the pager's own.
 */
export async function page(ctx: Context, text: string): Promise<boolean> {
  const { env } = ctx.io;
  const wanted = env['PAGER'];
  if (wanted?.trim() === '' || wanted === 'cat') return false;
  ctx.io.takeSignals(); // Ctrl-C is the pager's while it runs
  const shown = await new Promise<boolean>((resolve) => {
    const child = spawn(wanted ?? 'less', {
      // As everybody does it: the variable is a command line.
      shell: wanted !== undefined,
      stdio: ['pipe', 'inherit', 'inherit'],
      env: { ...env, LESS: env['LESS'] ?? 'FX', LESSSECURE: env['LESSSECURE'] ?? '1' },
    });
    const stop = () => {
      if (isEnded(ctx)) child.kill();
    };
    ctx.signal.addEventListener('abort', stop, { once: true });
    stop();
    const end = (shown: boolean) => {
      ctx.signal.removeEventListener('abort', stop);
      resolve(shown);
    };
    child.stdin?.on('error', () => undefined); // the reader has seen enough
    child.once('error', () => end(false));
    child.once('exit', (code) => end(code === null || !NOT_RUN.has(code)));
    child.stdin?.end(text);
  });
  if (isEnded(ctx)) throw new InterruptedError('interrupted', { cause: ctx.signal.reason });
  return shown;
}

function isEnded({ signal }: Context): boolean {
  return signal.reason === 'SIGTERM';
}

/** What a shell says of a pager that cannot be run, or is not installed. */
const NOT_RUN: ReadonlySet<number> = new Set([126, 127]);
