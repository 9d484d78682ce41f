import { DataError, UnsupportedError } from '../errors.ts';
import type { Capabilities } from './capabilities.ts';
import type { Dialogue } from './dialogue.ts';
import { detailOf, replyLine, type SmtpReply } from './reply.ts';
import type { Command } from './session.ts';

/** The server does not know, or does not do, the command itself (RFC 5321 4.2.4). */
const NOT_OFFERED: ReadonlySet<number> = new Set([500, 502]);
/** It wants a log-in, or TLS, before it answers anything: that says nothing of an address (RFC 4954 6). */
const NOT_ALLOWED: ReadonlySet<number> = new Set([421, 530, 535, 538]);

/**
 * Asks about `name`, a mailbox or a user's name with VRFY, a list with EXPN (RFC 5321 3.5); a name of other scripts goes as
 * RFC 6531 3.7.4.2 says. Gives the reply, also where it is a no. `UnsupportedError` where the server does not have the
 * command, `RejectedError` where it wants a log-in first.
 */
export async function inquire(
  dialogue: Dialogue,
  verb: 'VRFY' | 'EXPN',
  name: string,
  capabilities: Capabilities,
): Promise<SmtpReply> {
  checkName(name);
  const international = /[^\0-\x7f]/.test(name);
  if (international && !capabilities.has('SMTPUTF8')) {
    throw new UnsupportedError(`the server does not take ${JSON.stringify(name)}: no SMTPUTF8`, 'SMTPUTF8', {
      stage: verb === 'VRFY' ? 'vrfy' : 'expn',
    });
  }
  const argument = international ? `${name} SMTPUTF8` : name;
  const exchange = await dialogue.exchange({ verb, argument });
  const { reply } = exchange;
  if (NOT_ALLOWED.has(reply.code)) throw dialogue.refusal(exchange);
  if (NOT_OFFERED.has(reply.code)) {
    throw new UnsupportedError(`the server does not offer ${verb}: ${replyLine(reply)}`, verb, {
      stage: verb === 'VRFY' ? 'vrfy' : 'expn',
      command: `${verb} ${argument}`,
      reply: detailOf(reply),
      hint: 'many servers have it switched off; a transaction that is taken back may tell as well (verify --rcpt)',
    });
  }
  return reply;
}

/**
 * Begins a transaction, names the recipients, and takes it back with RSET: nothing is sent. Gives the reply to each RCPT.
 * `RejectedError` where MAIL is refused, or a log-in is wanted first.
 */
export async function tryRecipients(
  dialogue: Dialogue,
  mail: string,
  rcpts: readonly string[],
): Promise<SmtpReply[]> {
  const commands = rcpts.map((argument): Command => ({ verb: 'RCPT', argument }));
  const [answer, ...answers] = await dialogue.group([{ verb: 'MAIL', argument: mail }, ...commands]);
  if (answer?.ok !== true) throw dialogue.refusal(answer);
  for (const exchange of answers) {
    if (NOT_ALLOWED.has(exchange.reply.code)) throw dialogue.refusal(exchange);
  }
  await dialogue.ask({ verb: 'RSET' });
  return answers.map(({ reply }) => reply);
}

/** Refuses what cannot be the argument of VRFY or EXPN. */
export function checkName(name: string): void {
  if (name.trim() === '') throw new DataError('the address is empty');
  if (/[\0-\x1f\x7f]/.test(name)) {
    throw new DataError(`a control character in the address ${JSON.stringify(name)}`);
  }
}
