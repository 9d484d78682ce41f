import {
  AuthenticationError,
  ConnectionError,
  InterruptedError,
  MailError,
  ProtocolError,
  RejectedError,
  type ReplyDetail,
  TimeoutError,
  UnsupportedError,
} from '../errors.ts';
import type { Exchange } from './session.ts';
import { blamesCredentials, mayPass, type Status } from './status.ts';
import { VERBS } from './verbs.ts';

/** So much of what a server says goes into an error. */
const TEXT_LIMIT = 500;

/** A refused command, as an error in the server's own words. */
export function rejected(
  { verb, command, status }: Exchange,
  subject = verb === 'GREETING' ? 'the connection' : command,
): RejectedError {
  const greeting = verb === 'GREETING';
  return new RejectedError(
    `the server refused ${subject}: ${wordsOf(status)}`,
    // A server that refuses everybody without a reason is busy or being repaired.
    { permanent: !mayPass(status) && !(greeting && status.code === undefined), connectionUsable: !greeting },
    { stage: VERBS[verb].stage, command, reply: detailOf(status), hint: hintFor(status) },
  );
}

/** A refused log-in: the credentials are to blame, unless a code says otherwise (RFC 2449 8.1, RFC 3206). */
export function logInRefused(mechanism: string, exchange: Exchange): RejectedError {
  const { status, command } = exchange;
  if (!blamesCredentials(status)) return rejected(exchange, `the log-in (${mechanism})`);
  return new AuthenticationError(
    `the server refused the log-in (${mechanism}): ${wordsOf(status)}`,
    mechanism,
    { permanent: true },
    {
      command,
      reply: detailOf(status),
      hint: 'check user and password; many providers want an app password, or a token, in its place',
    },
  );
}

/** A refusal of a command that the server did not announce: it does not have it. */
export function unsupported(exchange: Exchange): UnsupportedError {
  return new UnsupportedError(
    `the server has no ${exchange.verb}: ${wordsOf(exchange.status)}`,
    exchange.verb,
    { stage: VERBS[exchange.verb].stage, command: exchange.command, reply: detailOf(exchange.status) },
  );
}

/**
 * What becomes of a failure at the QUIT that was to delete messages: they may be gone or not (RFC 1939 6), and only
 * another session can tell.
 */
export function inDoubt(error: unknown, at: { readonly host: string; readonly port: number }): MailError {
  const details = {
    delivery: 'in-doubt',
    stage: 'quit',
    cause: error,
    hint: 'list the maildrop again, by unique-id, to see which of them are still there',
    reply: error instanceof MailError ? error.reply : undefined,
  } as const;
  const why = error instanceof Error ? error.message : String(error);
  const message = `it is not known whether the messages were deleted: ${why}`;
  if (error instanceof InterruptedError) return new InterruptedError(message, details);
  if (error instanceof ProtocolError) return new ProtocolError(message, details);
  if (error instanceof RejectedError) {
    return new RejectedError(message, { permanent: error.permanent, connectionUsable: false }, details);
  }
  return new ConnectionError(message, { phase: 'established', ...at }, details);
}

/** A failure while several commands were under way, with what to try; what has nothing to do with that stays as it is. */
export function outOfStep(error: unknown): unknown {
  const hint = 'the server may not be able to take several commands at once: try --pipelining off';
  if (error instanceof ProtocolError) {
    const { stage, command, reply } = error;
    return new ProtocolError(error.message, {
      ...(stage === undefined ? {} : { stage }),
      command,
      reply,
      hint,
      cause: error,
    });
  }
  if (error instanceof TimeoutError && error.hint === undefined) {
    const { stage, phase, host, port } = error;
    return new TimeoutError(
      error.message,
      { phase, host, port },
      { ...(stage === undefined ? {} : { stage }), hint, cause: error },
    );
  }
  return error;
}

export function detailOf(status: Status): ReplyDetail {
  return { code: status.indicator, enhanced: status.code ?? null, text: status.text.slice(0, TEXT_LIMIT) };
}

function wordsOf({ indicator, code, text }: Status): string {
  return [indicator, code === undefined ? '' : `[${code}]`, text.slice(0, TEXT_LIMIT)]
    .filter((word) => word !== '')
    .join(' ');
}

const HINTS: Readonly<Record<string, string>> = {
  'IN-USE': 'another session has the maildrop open: try again when it has ended',
  'LOGIN-DELAY': 'the server wants more time between two log-ins: try again later',
  'SYS/TEMP': 'the server has a fault that should pass: try again later',
  'SYS/PERM': 'the server has a fault that its operator must repair',
  UTF8: 'the message has addresses or headers in UTF-8, and the server gives it to sessions in UTF-8 alone (RFC 6856)',
};

function hintFor({ code }: Status): string | undefined {
  return code === undefined ? undefined : HINTS[code];
}
