import type { Stage } from '../errors.ts';

/**
 * The states of RFC 1939 3, as finely as a client has to know them. `named`: USER has been accepted. `exchange`: a SASL
 * exchange is under way. `handshake`: STLS has been accepted, TLS is not up yet. `marked`: TRANSACTION with messages
 * marked as deleted, which QUIT (UPDATE) would remove.
 */
export type State =
  | 'greeting'
  | 'authorization'
  | 'named'
  | 'exchange'
  | 'handshake'
  | 'transaction'
  | 'marked'
  | 'closed';

export interface Rule {
  /** The states in which the command is legal. */
  readonly from: readonly State[];
  /** The state after `+OK`; absent: it stays as it is. */
  readonly to?: State;
  /** The state after `-ERR`; absent: it stays as it is. */
  readonly refused?: State;
  /** How long the status may take, unless the caller says otherwise. */
  readonly seconds: number;
  readonly stage: Stage;
  /** `+OK` is followed by lines and a dot. */
  readonly block?: true;
  /** Nothing may be sent behind it before its status is in (RFC 2449 6.6). */
  readonly last?: true;
  /** May be answered by `+` and a challenge. */
  readonly challenge?: true;
  /** Carries credentials: so many of its arguments may be shown. */
  readonly shown?: number;
  /** The credentials go out as they are: only over a protected connection. */
  readonly cleartext?: true;
  /** The line has no keyword of its own. */
  readonly bare?: true;
  /** So many may be under way where the server pipelines; absent: 1. */
  readonly window?: number;
  /** Takes messages away, or is about to. */
  readonly deletes?: true;
  /** Octets with CRLF; absent: 255 (RFC 2449 4). */
  readonly limit?: number;
}

const OPEN = ['transaction', 'marked'] as const;

/** Every command, the states it is legal in, and what its status makes of the state. */
export const VERBS = {
  GREETING: { from: ['greeting'], to: 'authorization', refused: 'closed', seconds: 60, stage: 'greeting' },
  CAPA: { from: ['authorization', ...OPEN], seconds: 60, stage: 'capa', block: true },
  STLS: { from: ['authorization'], to: 'handshake', seconds: 60, stage: 'tls', last: true },
  /** Messages come as they are, not made fit for readers of ASCII alone (RFC 6856 2); not to be followed by STLS. */
  UTF8: { from: ['authorization'], seconds: 60, stage: 'capa', last: true },
  /** Which language answers are in from here on (RFC 6856 3) ... */
  LANG: { from: ['authorization', ...OPEN], seconds: 60, stage: 'capa' },
  /** ... and which there are: LANG alone, answered by lines and a dot. */
  LANGUAGES: { from: ['authorization', ...OPEN], seconds: 60, stage: 'capa', bare: true, block: true },
  AUTH: {
    from: ['authorization'],
    to: 'transaction',
    seconds: 120,
    stage: 'auth',
    last: true,
    challenge: true,
    shown: 1,
  },
  RESPONSE: {
    from: ['exchange'],
    to: 'transaction',
    refused: 'authorization',
    seconds: 120,
    stage: 'auth',
    last: true,
    challenge: true,
    shown: 0,
    bare: true,
    limit: 65_536, // RFC 5034 4: the limit of 255 octets is not for responses
  },
  USER: { from: ['authorization'], to: 'named', seconds: 60, stage: 'auth', shown: 0, cleartext: true },
  PASS: {
    from: ['named'],
    to: 'transaction',
    refused: 'authorization',
    seconds: 120,
    stage: 'auth',
    last: true,
    shown: 0,
    cleartext: true,
  },
  APOP: {
    from: ['authorization'],
    to: 'transaction',
    seconds: 120,
    stage: 'auth',
    last: true,
    shown: 0,
  },
  STAT: { from: OPEN, seconds: 120, stage: 'stat' },
  LIST: { from: OPEN, seconds: 120, stage: 'list', block: true },
  UIDL: { from: OPEN, seconds: 120, stage: 'uidl', block: true },
  TOP: { from: OPEN, seconds: 120, stage: 'top', block: true, window: 1_000 },
  RETR: { from: OPEN, seconds: 120, stage: 'retr', block: true, window: 64 },
  DELE: { from: OPEN, to: 'marked', seconds: 60, stage: 'dele', window: 1_000, deletes: true },
  RSET: { from: OPEN, to: 'transaction', seconds: 60, stage: 'rset' },
  NOOP: { from: OPEN, seconds: 60, stage: 'noop' },
  /** Lines of the caller's own, which must not change how the dialogue goes on (see raw.ts): answered by a status ... */
  RAW: { from: ['authorization', 'named', ...OPEN], seconds: 120, stage: 'raw', bare: true, last: true },
  /** ... or by a status, lines and a dot. */
  RAWLINES: {
    from: ['authorization', 'named', ...OPEN],
    seconds: 120,
    stage: 'raw',
    bare: true,
    last: true,
    block: true,
  },
  QUIT: {
    from: ['authorization', 'named', ...OPEN],
    to: 'closed',
    refused: 'closed',
    seconds: 600, // UPDATE may have many messages to remove
    stage: 'quit',
    last: true,
  },
} as const satisfies Record<string, Rule>;

export type Verb = keyof typeof VERBS;

/** A command of POP3 with its CRLF (RFC 2449 4). */
export const LINE_LIMIT = 255;
