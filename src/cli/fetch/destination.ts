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
  const { Exec, Folder, Maildir, Mbox } = await import('../../store/index.ts');
  switch (kind) {
    case 'maildir':
      return Maildir.open(target, { prefix });
    case 'dir':
      return Folder.open(target, { prefix });
    case 'mbox':
      return Mbox.open(target, { prefix });
    case 'exec':
      return new Exec(target, {
        directory: state,
        env: ctx.io.env,
        signal: ctx.signal,
        // What the command says is for a person to read, never data of ours.
        output: (chunk) => ctx.output.verbose(Buffer.from(chunk).toString('utf8').trimEnd()),
      });
  }
}
