import { asBuffer } from '../codec/octets.ts';
import { ProtocolError, type ReplyDetail } from '../errors.ts';

/** RFC 5321 4.5.3.1.5 asks for 512; servers with long URLs in their texts send more. */
export const REPLY_LINE_LIMIT = 4_096;
/** RFC 4954 4 allows challenges of 12288 octets; this leaves room. */
export const CHALLENGE_LINE_LIMIT = 65_536;
export const REPLY_LINES_LIMIT = 200;

/** A server's whole answer to one command (RFC 5321 4.2). */
export interface SmtpReply {
  readonly code: number;
  /** The enhanced status code (RFC 3463), as in `5.1.1`; null where the server gave none that fits the code. */
  readonly enhanced: string | null;
  /** Every line's text as it came, without the code. */
  readonly lines: readonly string[];
  /** The lines joined, without enhanced status codes. */
  readonly text: string;
  /** The lines did not agree on the code: the last one counts. */
  readonly mixed: boolean;
}

/** Collects lines into replies. Pure: bytes in, replies out, `ProtocolError` for what is no reply. */
export class ReplyParser {
  #lines: string[] = [];
  #code: number | undefined;
  #mixed = false;

  /** Takes one line, without its ending; gives the reply once its last line is there. */
  push(line: Uint8Array): SmtpReply | undefined {
    const text = asBuffer(line).toString('utf8');
    // Some servers leave out the blank, or the text with it.
    const match = /^([2-5][0-9]{2})(?:([ -])(.*))?$/s.exec(text);
    if (match === null) throw new ProtocolError(`the server's answer is not an SMTP reply: ${quoted(text)}`);
    const code = Number(match[1]);
    if (line.length > (code === 334 ? CHALLENGE_LINE_LIMIT : REPLY_LINE_LIMIT)) {
      throw new ProtocolError(`the server sent a reply line of ${line.length} octets`);
    }
    if (this.#lines.length >= REPLY_LINES_LIMIT) {
      throw new ProtocolError(`the server sent a reply of more than ${REPLY_LINES_LIMIT} lines`);
    }
    this.#mixed ||= this.#code !== undefined && this.#code !== code;
    this.#code = code;
    this.#lines.push(match[3] ?? '');
    if (match[2] === '-') return undefined;
    const reply = replyOf(code, this.#lines, this.#mixed);
    this.#lines = [];
    this.#code = undefined;
    this.#mixed = false;
    return reply;
  }
}

const ENHANCED = /^([245]\.[0-9]{1,3}\.[0-9]{1,3})(?: +|$)/;

function replyOf(code: number, lines: readonly string[], mixed: boolean): SmtpReply {
  const found = ENHANCED.exec(lines[lines.length - 1] ?? '')?.[1];
  const enhanced = found?.[0] === String(code)[0] ? found : undefined;
  const plain = enhanced === undefined ? lines : lines.map((line) => line.replace(ENHANCED, ''));
  return { code, enhanced: enhanced ?? null, lines, text: plain.join(' ').trim(), mixed };
}

/** The longest server text that an error repeats. */
const TEXT_LIMIT = 500;

export function detailOf({ code, enhanced, text }: SmtpReply): ReplyDetail {
  return { code, enhanced, text: text.slice(0, TEXT_LIMIT) };
}

/** A reply on one line, as a person would quote it: `550 5.1.1 no such user`. */
export function replyLine({ code, enhanced, text }: SmtpReply): string {
  return [code, enhanced, text.slice(0, TEXT_LIMIT)].filter((part) => part !== null && part !== '').join(' ');
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}...` : text);
}
