import { InterruptedError } from '../errors.ts';
import type { Context } from './context.ts';
import { toTerminal } from './terminal.ts';

/** Asks at the terminal; anything but `y` or `yes` is a no. Only where `ctx.interactive`. */
export async function confirm(ctx: Context, question: string): Promise<boolean> {
  ctx.io.stderr.write(`${toTerminal(question)} [y/N] `);
  let answer = '';
  const decoder = new TextDecoder();
  for await (const chunk of ctx.io.stdin.read(ctx.signal)) {
    answer += decoder.decode(chunk, { stream: true });
    if (answer.includes('\n') || answer.length > 100) break;
  }
  if (ctx.signal.aborted) throw new InterruptedError('interrupted while asking');
  return /^\s*y(es)?\s*$/i.test(answer);
}
