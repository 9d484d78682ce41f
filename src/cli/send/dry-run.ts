import { transactionArguments } from '../../smtp/arguments.ts';
import { EXTENSIONS } from '../../smtp/extensions/index.ts';
import type { Wishes } from '../../smtp/index.ts';
import type { Prepared } from '../commands/send.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';

/** A longer message is left out of the document. */
const DOCUMENT_LIMIT = 32 * 1024 * 1024;

/**
 * Prints the message as it would leave, before dot-stuffing; with `--json` the message, and what would be asked of a server
 * that offers everything.
 */
export async function dryRun(
  ctx: Context,
  { envelope, message }: Prepared,
  { wishes, chunking }: { readonly wishes: Wishes | undefined; readonly chunking: boolean },
): Promise<number> {
  ctx.output.document({ status: 'dry-run' });
  const paths = envelope.recipients.map((path) => `<${path}>`).join(', ');
  ctx.output.success(`not sent: from <${envelope.reversePath}> to ${paths}`);
  if (!ctx.output.json) {
    for await (const chunk of message) await ctx.output.bytes(chunk);
    return EXIT.done;
  }
  const offered = new Map(EXTENSIONS.map(({ keyword }) => [keyword, '']));
  const { mail, recipients } = transactionArguments(offered, envelope, message, wishes ?? {}, chunking);
  const chunks: Buffer[] = [];
  const fits = (message.size ?? 0) <= DOCUMENT_LIMIT;
  // Composing to the end proves that every source can be read.
  for await (const chunk of message) {
    if (ctx.signal.aborted) break;
    if (fits) chunks.push(Buffer.from(chunk));
  }
  ctx.output.document({
    commands: [`MAIL ${mail}`, ...recipients.map(({ argument }) => `RCPT ${argument}`)],
    ...(fits ? { raw: { base64: Buffer.concat(chunks).toString('base64') } } : {}),
  });
  return EXIT.done;
}
