import {
  AuthenticationError,
  ConnectionError,
  InterruptedError,
  type MailError,
  ProtocolError,
  RecipientsError,
  RejectedError,
  UnsupportedError,
} from '../errors.ts';
import type { Limits } from './capabilities.ts';
import { detailOf, replyLine, type SmtpReply } from './reply.ts';
import { type Exchange, UNASKED, VERBS } from './session.ts';

/** A refused command, as an error in the server's own words. */
export function rejected({ verb, command, reply, early }: Exchange): RejectedError {
  const { stage } = VERBS[verb];
  const what = early
    ? 'the server refused the message before its end'
    : command === UNASKED
      ? 'the server ended the session'
      : `the server refused ${subject(verb, command)}`;
  return new RejectedError(
    `${what}: ${replyLine(reply)}`,
    { permanent: reply.code >= 500, connectionUsable: reply.code !== 421 && !early && verb !== 'GREETING' },
    { stage, command, reply: detailOf(reply), hint: hintFor(verb, reply) },
  );
}

function subject(verb: Exchange['verb'], command: string): string {
  if (verb === 'GREETING') return 'the connection';
  if (verb === 'END' || verb === 'BDAT' || verb === 'LAST') return 'the message';
  return command;
}

function hintFor(verb: Exchange['verb'], { code, enhanced }: SmtpReply): string | undefined {
  // RFC 2033 4.1: either protocol refuses the other's greeting.
  if (verb === 'LHLO' && code >= 500) return 'it may speak SMTP: the same without --lmtp';
  if (verb === 'HELO' && code >= 500) return 'it may speak LMTP: the same with --lmtp';
  if (code === 530 || enhanced === '5.7.0')
    return 'the server wants a log-in first: give a user and a password';
  if (code === 552 || enhanced === '5.3.4') return 'the message, or the mailbox, is too big for the server';
  if (code === 450 || code === 451) return 'the server asks to try again later (greylisting is common)';
  return undefined;
}

/** Refused credentials. 454 alone may pass by itself (RFC 4954 6). */
export function authenticationRefused(mechanism: string, reply: SmtpReply): AuthenticationError {
  const temporary = reply.code >= 400 && reply.code < 500 && reply.code !== 432;
  return new AuthenticationError(
    `the server refused the log-in (${mechanism}): ${replyLine(reply)}`,
    mechanism,
    { permanent: !temporary, connectionUsable: reply.code !== 421 },
    { command: `AUTH ${mechanism}`, reply: detailOf(reply), hint: authenticationHint(reply.code) },
  );
}

function authenticationHint(code: number): string | undefined {
  if (code === 535)
    return 'check user and password; many providers want an app password, or a token, in its place';
  if (code === 530 || code === 538) return 'the server takes this log-in under TLS only';
  if (code === 432) return 'the account needs a password transition: log in once by the provider’s own means';
  return undefined;
}

/** Nobody, or with `--require-all` not everybody, was accepted. Retrying helps only if every refusal may pass. */
export function recipientsRefused(refused: ReadonlyMap<string, SmtpReply>, total: number): RecipientsError {
  const permanent = [...refused.values()].some(({ code }) => code >= 500);
  const [first] = refused;
  const example = first === undefined ? '' : `: <${first[0]}>: ${replyLine(first[1])}`;
  return new RecipientsError(
    `${refused.size === total ? (total === 1 ? 'the recipient was' : `all ${total} recipients were`) : `${refused.size} of ${total} recipients were`} refused${example}`,
    new Map([...refused].map(([path, reply]) => [path, detailOf(reply)])),
    permanent,
    { ...(first === undefined ? {} : { reply: detailOf(first[1]) }) },
  );
}

/** The session has had as many transactions as the server allows (RFC 9422 4.1): another connection has more. */
export function noTransactionsLeft(limit: number): UnsupportedError {
  return new UnsupportedError(
    `the server takes ${limit} ${limit === 1 ? 'transaction' : 'transactions'} over one connection`,
    'LIMITS',
    { stage: 'mail', retryable: true, hint: 'connect again for more' },
  );
}

/** With `--require-all` everybody is in one transaction, and the server has said that it is too small for that. */
export function tooManyAtOnce(recipients: number, { rcptMax, rcptDomainMax }: Limits): UnsupportedError {
  const most =
    recipients > rcptMax
      ? `${rcptMax} recipients at a time`
      : `recipients of ${rcptDomainMax} ${rcptDomainMax === 1 ? 'domain' : 'domains'} at a time`;
  return new UnsupportedError(
    `the server takes ${most}, and ${recipients} must be accepted together`,
    'LIMITS',
    { stage: 'mail', hint: 'send to fewer, or without --require-all' },
  );
}

/**
 * What becomes of a failure after the end of the message has left: the server may have taken it for `doubtful` or not
 * (RFC 1047), and nothing may send it again by itself. `known` is what became of the others.
 */
export function inDoubt(
  error: unknown,
  at: { readonly host: string; readonly port: number },
  known: {
    readonly accepted: ReadonlyMap<string, SmtpReply>;
    readonly rejected: ReadonlyMap<string, SmtpReply>;
  },
  doubtful: readonly string[],
): MailError {
  const details = {
    delivery: 'in-doubt',
    stage: 'eod',
    cause: error,
    hint: 'the message may have been delivered: look before sending it again (the Message-ID stays the same)',
    recipients: {
      accepted: new Map([...known.accepted].map(([path, reply]) => [path, detailOf(reply)])),
      rejected: new Map([...known.rejected].map(([path, reply]) => [path, detailOf(reply)])),
      inDoubt: doubtful,
    },
  } as const;
  const why = error instanceof Error ? error.message : String(error);
  const whose =
    known.accepted.size === 0
      ? ''
      : ` (delivery to ${listed(doubtful)} is in doubt; it was taken for ${listed([...known.accepted.keys()])})`;
  const message = `no reply after the end of the message: ${why}${whose}`;
  if (error instanceof InterruptedError) return new InterruptedError(message, details);
  if (error instanceof ProtocolError) return new ProtocolError(message, details);
  return new ConnectionError(message, { phase: 'established', ...at }, details);
}

/** As many addresses as a line of text bears. */
const LISTED = 10;

function listed(paths: readonly string[]): string {
  const shown = paths.slice(0, LISTED).map((path) => `<${path}>`);
  return `${shown.join(', ')}${paths.length > LISTED ? ` and ${paths.length - LISTED} more` : ''}`;
}
