import { type ReplyDetail, UsageError } from '../errors.ts';
import { redacted } from '../net/redacted.ts';
import { detailOf } from './failures.ts';
import type { Exchange } from './session.ts';
import { type State, VERBS, type Verb } from './verbs.ts';

/** A command as somebody typed it, and how the session has to take it. */
export interface RawCommand {
  /** In capitals. */
  readonly keyword: string;
  readonly verb: Verb;
  readonly words: readonly string[];
  /** May be shown: without a password or digest. */
  readonly shown: string;
  /** What must not be shown wherever it turns up. */
  readonly secret: string | undefined;
}

/** What may follow the status of these is no command. */
const ELSEWHERE: ReadonlyMap<string, string> = new Map([
  ['STLS', 'TLS is put on before the first command: --pop3-tls starttls'],
  ['AUTH', '--login logs in before the first command'],
  ['XTND XMIT', 'mailtool send sends messages, by SMTP'],
]);

/** What changes the state has a row of its own; the rest is one line and its answer. */
const STATEFUL: ReadonlySet<string> = new Set(['USER', 'PASS', 'APOP', 'DELE', 'RSET', 'QUIT']);

/** Answered by lines and a dot: always, or when it has no argument (RFC 1939, RFC 2449, RFC 6856 3; XTND is RFC 1082). */
const LINES = /^(?:(?:CAPA|TOP|RETR|XTND XLST|XTND ARCHIVE)(?: |$)|(?:LIST|UIDL|LANG|XUIDL)\s*$)/;

/**
 * Reads a command line. `UsageError` where it cannot be sent on its own; its text has the keyword alone, because the rest may
 * be a secret.
 */
export function rawCommand(line: string): RawCommand {
  const text = line.trimStart();
  const keyword = (/^[^\0-\x20\x7f]{1,20}/.exec(text)?.[0] ?? '').toUpperCase();
  if (keyword === '') throw new UsageError('an empty command', { stage: 'raw' });
  if (/[\0-\x1f\x7f]/.test(line)) {
    throw new UsageError(`a control character in ${/^[A-Z0-9]+$/.test(keyword) ? keyword : 'a command'}`, {
      stage: 'raw',
      hint: 'each command is an argument, or a line, of its own',
    });
  }
  const upper = text.toUpperCase().replace(/ +/g, ' ');
  for (const [name, hint] of ELSEWHERE) {
    if (upper === name || upper.startsWith(`${name} `)) {
      throw new UsageError(`${name} changes the dialogue, and cannot be sent by itself`, {
        stage: 'raw',
        hint,
      });
    }
  }
  const rest = text.slice(keyword.length).replace(/^ /, '');
  const secret =
    keyword === 'PASS' || keyword === 'APOP' ? (keyword === 'PASS' ? rest : last(rest)) : undefined;
  const hidden = secret !== undefined || keyword === 'USER';
  const shown = hidden && rest !== '' ? `${keyword} ${redacted(Buffer.byteLength(rest))}` : text;
  if (STATEFUL.has(keyword)) {
    return { keyword, verb: keyword as Verb, words: rest === '' ? [] : [rest], shown, secret };
  }
  return { keyword, verb: LINES.test(upper) ? 'RAWLINES' : 'RAW', words: [text], shown, secret };
}

/** The row to send a command by, now: a mark, or its end, that the server will refuse needs no place in the table. */
export function rowOf(
  { keyword, verb, words }: RawCommand,
  state: State,
): { verb: Verb; words: readonly string[] } {
  const from: readonly State[] = VERBS[verb].from;
  if ((verb === 'DELE' || verb === 'RSET') && !from.includes(state)) {
    return { verb: 'RAW', words: [[keyword, ...words].join(' ')] };
  }
  return { verb, words };
}

/** A server's answer to a command that was sent as it was typed. */
export interface RawAnswer {
  /** `+OK`. */
  readonly ok: boolean;
  readonly reply: ReplyDetail;
  /** The status line, as it came but for the case of its indicator. */
  readonly line: string;
  /** Unstuffed, without the dot. */
  readonly block?: AsyncIterable<Uint8Array> | undefined;
}

/** An exchange without what only the session needs. */
export function answerOf({ ok, status }: Exchange): RawAnswer {
  const { indicator, code, text } = status;
  const words = [indicator, ...(code === undefined ? [] : [`[${code}]`]), text];
  return { ok, reply: detailOf(status), line: words.filter((word) => word !== '').join(' ') };
}

function last(words: string): string {
  return words.slice(words.lastIndexOf(' ') + 1);
}
