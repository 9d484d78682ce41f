import type { Capabilities } from './capabilities.ts';
import type { Envelope, Message } from './envelope.ts';
import { EXTENSIONS, type Extension, type TransactionParameters, type Wishes } from './extensions/index.ts';
import type { Recipient } from './transaction.ts';

/** The arguments of MAIL and of each RCPT; throws what the server lacks for the transaction, before it begins. */
export function transactionArguments(
  capabilities: Capabilities,
  { reversePath, recipients }: Envelope,
  message: Pick<Message, 'size' | 'eightBit' | 'binary' | 'smtpUtf8'>,
  wishes: Wishes,
  chunking: boolean,
): { mail: string; recipients: Recipient[] } {
  const parameters: TransactionParameters = {
    ...wishes,
    size: message.size,
    eightBit: message.eightBit === true,
    binary: message.binary === true,
    chunking,
    utf8: message.smtpUtf8 === true || [reversePath, ...recipients].some((path) => /[^\0-\x7f]/.test(path)),
  };
  const offered = (extension: Extension) => capabilities.get(extension.keyword);
  for (const extension of EXTENSIONS) {
    const problem = extension.problem?.(parameters, offered(extension));
    if (problem !== undefined) throw problem;
  }
  const active = EXTENSIONS.filter((extension) => offered(extension) !== undefined);
  const words = active.flatMap((extension) => extension.mail?.(parameters) ?? []);
  return {
    mail: [`FROM:<${reversePath}>`, ...words].join(' '),
    recipients: recipients.map((path) => ({
      path,
      argument: [
        `TO:<${path}>`,
        ...active.flatMap((extension) => extension.rcpt?.(parameters, path) ?? []),
      ].join(' '),
    })),
  };
}
