import type { MessageNames, Store } from '../../store/index.ts';
import type { Context } from '../context.ts';
import type { Destination } from './options.ts';

/** Opens the place that mail goes to; what waits for a command waits in `state`. */
export async function openStore(
  ctx: Context,
  { kind, target }: Destination,
  { prefix }: MessageNames,
  state: string,
): Promise<Store> {
  switch (kind) {
    case 'maildir': {
      const { Maildir } = await import('../../store/maildir.ts');
      return Maildir.open(target, { prefix });
    }
    case 'dir': {
      const { Folder } = await import('../../store/folder.ts');
      return Folder.open(target, { prefix });
    }
    case 'mbox': {
      const { Mbox } = await import('../../store/mbox.ts');
      return Mbox.open(target, { prefix });
    }
    case 'exec': {
      const { Exec } = await import('../../store/exec.ts');
      return new Exec(target, {
        directory: state,
        env: ctx.io.env,
        signal: ctx.signal,
        // What the command says is for a person to read, never data of ours.
        output: (chunk) => ctx.output.verbose(Buffer.from(chunk).toString('utf8').trimEnd()),
      });
    }
  }
}
