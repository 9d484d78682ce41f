import {
  AuthenticationError,
  ConfigError,
  ConnectionError,
  DataError,
  InputError,
  InterruptedError,
  LockedError,
  MailError,
  ProtocolError,
  RecipientsError,
  RejectedError,
  StorageError,
  TlsError,
  UnsupportedError,
  UsageError,
} from '../errors.ts';

/** What the process returns, in the numbers of sysexits.h and a few of our own. */
export const EXIT = {
  done: 0,
  no: 1,
  usage: 64,
  data: 65,
  noInput: 66,
  recipients: 67,
  noHost: 68,
  refused: 69,
  bug: 70,
  cannotCreate: 73,
  io: 74,
  tryLater: 75,
  protocol: 76,
  notAllowed: 77,
  config: 78,
  unknown: 79,
  interrupted: 130,
  terminated: 143,
} as const;

/** What `mailtool help exit-codes` prints; one line for each number that can come back. */
export const EXIT_MEANINGS: readonly (readonly [code: number, meaning: string])[] = [
  [EXIT.done, 'done'],
  [
    EXIT.no,
    "the question's answer is no (an unmet --expect, an empty maildrop with --check, a refusal in raw, config check, nothing came in wait)",
  ],
  [EXIT.usage, 'usage: unknown flag or command, bad value'],
  [EXIT.data, 'bad data: a broken address, header or message, an empty body'],
  [EXIT.noInput, 'no input: a file, message number, unique-id, part or attachment that is not there'],
  [
    EXIT.recipients,
    'recipients refused, all of them or some (the rest got the message: do not send again); not there (verify)',
  ],
  [EXIT.noHost, 'no such host'],
  [EXIT.refused, 'refused for good by the server, or it lacks what is needed'],
  [EXIT.bug, 'a bug in mailtool'],
  [EXIT.cannotCreate, 'an output file cannot be created'],
  [EXIT.io, 'input or output error: disk full, short write'],
  [EXIT.tryLater, 'try later: it can help, and cannot send twice'],
  [EXIT.protocol, 'TLS failed, the certificate is not trusted, or the server broke the protocol'],
  [EXIT.notAllowed, 'not allowed: wrong user name or password, log-in refused'],
  [EXIT.config, 'configuration: a setting is missing or contradicts another'],
  [EXIT.unknown, 'outcome unknown: the connection died after the last octet left; look before sending again'],
  [EXIT.interrupted, 'interrupted by SIGINT'],
  [EXIT.terminated, 'ended by SIGTERM'],
];

/** What a send came to, as far as the exit code is concerned: the same names as in a receipt. */
export interface Outcome {
  readonly rejected: ReadonlyMap<string, unknown>;
}

/** Exit code for anything thrown; `signal` is the one that ended the run, if one did. */
export function exitOfError(error: unknown, signal?: NodeJS.Signals): number {
  if (!(error instanceof MailError)) return EXIT.bug;
  if (error.delivery === 'in-doubt') return EXIT.unknown;
  for (const [type, code] of BY_CLASS) {
    if (error instanceof type) return typeof code === 'number' ? code : code(error as never, signal);
  }
  return EXIT.bug;
}

const CREATING: ReadonlySet<string> = new Set(['open', 'create', 'mkdir']);

/** SMTP says "log in first" to any command (RFC 4954 6). */
const NOT_ALLOWED: ReadonlySet<number | string> = new Set([530, 535, 538]);

function judgeRefusal(error: RejectedError): number {
  if (!error.permanent) return EXIT.tryLater;
  return NOT_ALLOWED.has(error.reply?.code ?? '') ? EXIT.notAllowed : EXIT.refused;
}

function judgeStorage(error: StorageError): number {
  // A command that said so itself (75), or took too long.
  if (error.step === 'exec' && error.retryable) return EXIT.tryLater;
  return CREATING.has(error.step) ? EXIT.cannotCreate : EXIT.io;
}

type Judge = (error: never, signal: NodeJS.Signals | undefined) => number;
/** A class stands after those derived from it. */
const BY_CLASS: readonly (readonly [
  type: abstract new (...args: never[]) => MailError,
  code: number | Judge,
])[] = [
  [UsageError, EXIT.usage],
  [DataError, EXIT.data],
  [InputError, EXIT.noInput],
  [ConfigError, EXIT.config],
  [ConnectionError, (error: ConnectionError) => (error.phase === 'dns' ? EXIT.noHost : EXIT.tryLater)],
  [
    TlsError,
    (error: TlsError) => (error.reply !== undefined && error.retryable ? EXIT.tryLater : EXIT.protocol),
  ],
  [ProtocolError, EXIT.protocol],
  [AuthenticationError, (error: RejectedError) => (error.permanent ? EXIT.notAllowed : EXIT.tryLater)],
  [RecipientsError, (error: RejectedError) => (error.permanent ? EXIT.recipients : EXIT.tryLater)],
  [RejectedError, judgeRefusal],
  [UnsupportedError, EXIT.refused],
  [LockedError, EXIT.tryLater],
  [StorageError, judgeStorage],
  [
    InterruptedError,
    (_: InterruptedError, signal: NodeJS.Signals | undefined) =>
      signal === 'SIGTERM' ? EXIT.terminated : EXIT.interrupted,
  ],
];

/** Exit code for a message that was handed over: 67 when somebody does not get it. */
export function exitOfReceipt(outcome: Outcome): number {
  return outcome.rejected.size > 0 ? EXIT.recipients : EXIT.done;
}

/** What outranks the code of any other account: an interruption, and what nobody knows. */
const GRAVEST: readonly number[] = [EXIT.interrupted, EXIT.terminated, EXIT.unknown];

/**
 * Exit code of a run for several accounts, from theirs in order: 0 when all are well, 75 only when trying again can help
 * every one that failed, else the first code that it cannot help. 130, 143 and 79 come before others. An answer of no (1)
 * is one only when all say so.
 */
export function exitOfSeveral(exits: readonly number[]): number {
  const failures = exits.filter((exit) => exit !== EXIT.done && exit !== EXIT.no);
  for (const grave of GRAVEST) if (failures.includes(grave)) return grave;
  const [failure] = failures;
  if (failure !== undefined) return failures.find((exit) => exit !== EXIT.tryLater) ?? EXIT.tryLater;
  return exits.length > 0 && exits.every((exit) => exit === EXIT.no) ? EXIT.no : EXIT.done;
}
