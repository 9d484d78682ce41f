/**
 * Every failure of mailtool, in one hierarchy. After any of them a caller can tell whose fault it was (the class), whether
 * trying again can help (`retryable`), whether the message was sent (`delivery`), and whether the connection can be used
 * further (`connectionUsable`).
 */

/** `in-doubt`: the final dot (or a QUIT that commits deletions) left, and its reply never came (RFC 1047). */
export type Delivery = 'not-sent' | 'in-doubt';

/** The step of a session in which something failed, in the words of the JSON output. */
export type Stage =
  | 'config'
  | 'compose'
  | 'dns'
  | 'connect'
  | 'tls'
  | 'greeting'
  | 'ehlo'
  | 'capa'
  | 'auth'
  | 'mail'
  | 'rcpt'
  | 'data'
  | 'eod'
  | 'stat'
  | 'list'
  | 'uidl'
  | 'top'
  | 'retr'
  | 'dele'
  | 'rset'
  | 'noop'
  | 'vrfy'
  | 'expn'
  | 'help'
  | 'raw'
  | 'quit'
  | 'store';

/** Stable names for scripts; the class says the same to programs. */
export type ErrorCode =
  | 'EUSAGE'
  | 'EDATA'
  | 'EINPUT'
  | 'ECONFIG'
  | 'EDNS'
  | 'ECONNECT'
  | 'ETIMEOUT'
  | 'ETLS'
  | 'ECERT'
  | 'EPROTO'
  | 'EREJECTED'
  | 'ETEMP'
  | 'ESIZE'
  | 'EAUTH'
  | 'EUNSUPPORTED'
  | 'EIO'
  | 'ELOCKED'
  | 'EINTERRUPTED'
  | 'EUNCERTAIN';

/** What a server answered, as far as it matters in an error: `code` is a number in SMTP and `-ERR` in POP3. */
export interface ReplyDetail {
  readonly code: number | string;
  readonly enhanced: string | null;
  readonly text: string;
}

/** What is known of each recipient when delivery to some is in doubt: by forward-path, with the server's reply. */
export interface RecipientsKnown {
  /** They have the message. */
  readonly accepted: ReadonlyMap<string, ReplyDetail>;
  readonly rejected: ReadonlyMap<string, ReplyDetail>;
  readonly inDoubt: readonly string[];
}

export interface ErrorDetails {
  readonly stage?: Stage;
  /** What to do next: one sentence for the person who reads the error. */
  readonly hint?: string | undefined;
  /** The command that failed, as the transcript shows it: never with a secret in it. */
  readonly command?: string | undefined;
  readonly reply?: ReplyDetail | undefined;
  readonly delivery?: Delivery;
  readonly retryable?: boolean;
  readonly recipients?: RecipientsKnown | undefined;
  readonly cause?: unknown;
}

/** The root of the hierarchy: anything this package throws on purpose is one of these. */
export abstract class MailError extends Error {
  abstract readonly code: ErrorCode;
  readonly stage: Stage | undefined;
  readonly hint: string | undefined;
  readonly command: string | undefined;
  readonly reply: ReplyDetail | undefined;
  readonly delivery: Delivery;
  /** Given with `in-doubt`, where a message was on its way to several. */
  readonly recipients: RecipientsKnown | undefined;
  /** True only where trying again can help and cannot send twice. */
  readonly retryable: boolean;
  /** False: the connection that this came from has been, or must be, closed. */
  readonly connectionUsable: boolean = false;

  constructor(message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.stage = details.stage;
    this.hint = details.hint;
    this.command = details.command;
    this.reply = details.reply;
    this.delivery = details.delivery ?? 'not-sent';
    this.recipients = details.recipients;
    this.retryable = this.delivery === 'not-sent' && (details.retryable ?? false);
  }

  toJSON(): Record<string, unknown> {
    return {
      code: this.delivery === 'in-doubt' ? 'EUNCERTAIN' : this.code,
      stage: this.stage ?? null,
      message: this.message,
      hint: this.hint ?? null,
      retryable: this.retryable,
      reply: this.reply ?? null,
    };
  }
}

/** The caller's mistake: a command in an illegal state, CR or LF in an argument, a bad flag. */
export class UsageError extends MailError {
  readonly code = 'EUSAGE';
  override readonly connectionUsable = true;
}

/** A message, address or other input that cannot be built into mail. */
export class DataError extends MailError {
  readonly code = 'EDATA';
  override readonly connectionUsable = true;
}

/** A file, message number or unique-id that is not there. */
export class InputError extends MailError {
  readonly code = 'EINPUT';
  override readonly connectionUsable = true;
}

/** A setting that is missing, unreadable or contradicts another. */
export class ConfigError extends MailError {
  readonly code = 'ECONFIG';
}

/** The network failed: `phase` says in which step of reaching or using the peer. */
export class ConnectionError extends MailError {
  readonly code: ErrorCode;
  readonly phase: 'dns' | 'connect' | 'established';
  readonly host: string;
  readonly port: number;

  constructor(
    message: string,
    at: { readonly phase: 'dns' | 'connect' | 'established'; readonly host: string; readonly port: number },
    details: ErrorDetails = {},
  ) {
    super(message, { retryable: true, ...details });
    this.phase = at.phase;
    this.host = at.host;
    this.port = at.port;
    this.code = at.phase === 'dns' ? 'EDNS' : 'ECONNECT';
  }
}

/** A wait passed its deadline. */
export class TimeoutError extends ConnectionError {
  override readonly code = 'ETIMEOUT';
}

/** What a peer presented, for an error text that says what is wrong with it. */
export interface PeerCertificate {
  readonly subject: string;
  readonly altNames: readonly string[];
  readonly issuer: string;
  /** ISO 8601, UTC. */
  readonly validFrom: string;
  readonly validTo: string;
  /** SHA-256 of the certificate, lower-case hexadecimal without colons. */
  readonly sha256: string;
  /** SHA-256 of the public key (SubjectPublicKeyInfo, RFC 7469 2.4): `sha256//` and base64. A renewal may keep it. */
  readonly pin: string;
}

/** TLS failed, was required and not offered, or bytes were injected before it. */
export class TlsError extends MailError {
  readonly code: ErrorCode;
  readonly certificate: PeerCertificate | undefined;

  constructor(
    message: string,
    details: ErrorDetails & { readonly certificate?: PeerCertificate | undefined } = {},
  ) {
    super(message, { stage: 'tls', ...details });
    this.certificate = details.certificate;
    this.code = details.certificate === undefined ? 'ETLS' : 'ECERT';
  }
}

/** The peer broke the protocol's grammar or order. */
export class ProtocolError extends MailError {
  readonly code = 'EPROTO';

  constructor(message: string, details: ErrorDetails = {}) {
    super(message, { retryable: true, ...details });
  }
}

/** A well-formed refusal. The connection stays usable, unless the server said that it closes (421). */
export class RejectedError extends MailError {
  readonly code: ErrorCode;
  override readonly connectionUsable: boolean;
  /** Whether the refusal is for good (5yz) or may pass (4yz). */
  readonly permanent: boolean;

  constructor(
    message: string,
    refusal: { readonly permanent: boolean; readonly connectionUsable?: boolean },
    details: ErrorDetails = {},
  ) {
    super(message, { retryable: !refusal.permanent, ...details });
    this.permanent = refusal.permanent;
    this.connectionUsable = refusal.connectionUsable ?? true;
    this.code = refusal.permanent ? 'EREJECTED' : 'ETEMP';
  }
}

/** The server did not accept the credentials, or the mechanism failed. */
export class AuthenticationError extends RejectedError {
  override readonly code = 'EAUTH';
  readonly mechanism: string;

  constructor(
    message: string,
    mechanism: string,
    refusal: { readonly permanent: boolean; readonly connectionUsable?: boolean },
    details: ErrorDetails = {},
  ) {
    super(message, refusal, { stage: 'auth', ...details });
    this.mechanism = mechanism;
  }
}

/** Not one recipient was accepted: `replies` says why, by forward-path. */
export class RecipientsError extends RejectedError {
  readonly replies: ReadonlyMap<string, ReplyDetail>;

  constructor(
    message: string,
    replies: ReadonlyMap<string, ReplyDetail>,
    permanent: boolean,
    details: ErrorDetails = {},
  ) {
    super(message, { permanent }, { stage: 'rcpt', ...details });
    this.replies = replies;
  }
}

/** The message needs what the server does not offer: `keyword` names it (SIZE, 8BITMIME, UIDL ...). */
export class UnsupportedError extends MailError {
  readonly code: ErrorCode;
  readonly keyword: string;
  override readonly connectionUsable = true;

  constructor(message: string, keyword: string, details: ErrorDetails = {}) {
    super(message, details);
    this.keyword = keyword;
    this.code = keyword === 'SIZE' ? 'ESIZE' : 'EUNSUPPORTED';
  }
}

/** A local file could not be written: `path` and the `step` (open, write, fsync, rename ...) that failed. */
export class StorageError extends MailError {
  readonly code: ErrorCode = 'EIO';
  readonly path: string;
  readonly step: string;

  constructor(
    message: string,
    at: { readonly path: string; readonly step: string },
    details: ErrorDetails = {},
  ) {
    super(message, { stage: 'store', retryable: true, ...details });
    this.path = at.path;
    this.step = at.step;
  }
}

/** Somebody else is at work there: `path` is the lock, `holder` what it says of them. */
export class LockedError extends StorageError {
  override readonly code = 'ELOCKED';
  readonly holder: string;

  constructor(message: string, path: string, holder: string, details: ErrorDetails = {}) {
    super(message, { path, step: 'lock' }, details);
    this.holder = holder;
  }
}

/** A signal, or the caller's `AbortSignal`, ended the work. */
export class InterruptedError extends MailError {
  readonly code = 'EINTERRUPTED';
}
