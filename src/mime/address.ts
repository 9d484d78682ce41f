import { domainToASCII } from 'node:url';
import { DataError } from '../errors.ts';
import { encodeWords, needsEncoding } from './encoded-word.ts';
import { textTokens } from './header.ts';

/** Someone who sends or receives. */
export interface Mailbox {
  /** The display name; empty when there is none. */
  readonly name: string;
  /** `local-part@domain`; the domain as typed. */
  readonly address: string;
}

/** RFC 5321 4.5.3.1.3, without the angle brackets. Local parts of more than 64 octets are in use, and not refused. */
const PATH_LIMIT = 254;
/** What is in quotes and longer would not fit on a line of its own. */
const QUOTED_LIMIT = 70;
/** How deep comments may nest. */
const DEPTH_LIMIT = 50;

/** A piece of an address before it is known what it is part of. */
interface Piece {
  /** As it stood. */
  readonly raw: string;
  /** Without quotes. */
  readonly value: string;
  readonly spaced: boolean;
}

/**
 * Reads addresses as a person types them and as a header field has them (RFC 5322 3.4): `a@b`, `"N" <a@b>`, `a@b (N)`, groups,
 * separated by commas or semicolons. The header and the envelope are both made of what this returns. What it cannot read is
 * a `DataError`, never a guess.
 */
export function parseAddressList(text: string): Mailbox[] {
  if (/[\0-\x08\x0a-\x1f\x7f]/.test(text)) throw wrong(text, 'it holds a control character');
  const mailboxes: Mailbox[] = [];
  let pieces: Piece[] = [];
  let angle: string | undefined;
  let comment = '';
  let spaced = false;
  let inGroup = false;
  const finish = () => {
    const mailbox = mailboxOf(text, pieces, angle, comment);
    if (mailbox !== undefined) mailboxes.push(mailbox);
    pieces = [];
    angle = undefined;
    comment = '';
  };
  for (let at = 0; at < text.length; ) {
    const character = text[at] as string;
    if (character === ' ' || character === '\t') {
      spaced = true;
      at++;
      continue;
    }
    if (character === ',' || character === ';') {
      finish();
      if (character === ';') inGroup = false;
      at++;
    } else if (character === '(') {
      const end = commentEnd(text, at);
      comment = text.slice(at + 1, end - 1).replace(/\\(.)/gs, '$1');
      at = end;
      continue; // a blank before it counts for what follows it
    } else if (character === '<') {
      if (angle !== undefined)
        throw wrong(text, 'it has two addresses in angle brackets without a comma between them');
      const end = angleEnd(text, at);
      angle = text.slice(at + 1, end - 1).trim();
      at = end;
    } else if (character === ':' && pieces.length > 0 && !pieces.some(({ raw }) => raw.includes('@'))) {
      if (inGroup) throw wrong(text, 'a group in it holds another group');
      inGroup = true;
      pieces = []; // the name of the group: its members follow
      at++;
    } else if (angle !== undefined) {
      throw wrong(text, 'something follows the address in angle brackets');
    } else if (character === '"') {
      const end = quoteEnd(text, at);
      const raw = text.slice(at, end);
      pieces.push({ raw, value: raw.slice(1, -1).replace(/\\(.)/gs, '$1'), spaced });
      at = end;
    } else {
      const end = atomEnd(text, at);
      if (end === at) throw wrong(text, `${JSON.stringify(character)} cannot stand there`);
      const raw = text.slice(at, end);
      pieces.push({ raw, value: raw, spaced });
      at = end;
    }
    spaced = false;
  }
  finish();
  return mailboxes;
}

function mailboxOf(
  text: string,
  pieces: readonly Piece[],
  angle: string | undefined,
  comment: string,
): Mailbox | undefined {
  if (angle !== undefined) {
    const name = pieces
      .map(({ value, spaced }, index) => (spaced && index > 0 ? ` ${value}` : value))
      .join('');
    return { name: name.trim(), address: checkAddress(text, angle) };
  }
  if (pieces.length === 0) return undefined;
  if (pieces.some(({ spaced }, index) => spaced && index > 0)) {
    throw wrong(text, 'there is a blank in it and no address in angle brackets');
  }
  return { name: comment.trim(), address: checkAddress(text, pieces.map(({ raw }) => raw).join('')) };
}

/** A comma or a semicolon that is missing is the usual reason for the rest. */
function wrong(text: string, why: string): DataError {
  const shown = text.length > 100 ? `${text.slice(0, 100)}...` : text;
  return new DataError(`not an address: ${JSON.stringify(shown)}: ${why}`, {
    stage: 'compose',
    hint: 'write a@b or "Name" <a@b>; several with commas between them; a name with a comma in quotes',
  });
}

/** Gives back an address that can stand in an envelope and in angle brackets; a `DataError` about `text` otherwise. */
/** The usual address, told by an expression that costs nothing to compile; those below cost a short run a tenth of its time. */
const USUAL = /^[a-z0-9_][\w.+-]{0,63}@[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){0,3}$/i;

function checkAddress(text: string, address: string): string {
  if (USUAL.test(address)) return address;
  const at = address.lastIndexOf('@');
  if (at === -1) throw wrong(text, 'there is no @ in it');
  const local = address.slice(0, at);
  const domain = address.slice(at + 1);
  if (address.startsWith('-')) throw wrong(text, 'it begins with a dash, as an option would');
  if (!/^(?:"(?:[^"\\]|\\.)*"|[^\s"(),:;<>@[\\\]]+)$/su.test(local)) {
    throw wrong(
      text,
      local === '' ? 'there is nothing before the @' : 'what stands before the @ is no local part',
    );
  }
  // Controls of any script, and what turns the direction of text, have no place in an address but to deceive.
  if (/[\p{Cc}\p{Cs}\p{Bidi_Control}]/u.test(address)) throw wrong(text, 'it holds an invisible character');
  if (Buffer.byteLength(address) > PATH_LIMIT) throw wrong(text, `it has more than ${PATH_LIMIT} octets`);
  if (/^\[[!-Z^-~]+\]$/.test(domain)) return address;
  if (
    !/^[^\s.,;:"()<>@[\]\\!#$%&'*+/=?^`{|}~]+(?:\.[^\s.,;:"()<>@[\]\\!#$%&'*+/=?^`{|}~]+)*$/u.test(domain)
  ) {
    throw wrong(
      text,
      domain === '' ? 'there is nothing after the @' : 'what stands after the @ is no domain',
    );
  }
  if (/[^\0-\x7f]/.test(domain) && domainToASCII(domain) === '')
    throw wrong(text, 'its domain cannot be a domain');
  return address;
}

/**
 * The address as it goes over the wire, in the envelope and in the header alike: a domain of other scripts in its ASCII form
 * (RFC 5891), unless the local part needs SMTPUTF8 anyway, which takes both as they are (RFC 6531 3.3). `DataError` for what
 * is not one address.
 */
export function wireAddress(address: string): string {
  checkAddress(address, address);
  const at = address.lastIndexOf('@');
  const local = address.slice(0, at);
  const domain = address.slice(at + 1);
  if (!/[^\0-\x7f]/.test(domain) || /[^\0-\x7f]/.test(local)) return address;
  return `${local}@${domainToASCII(domain)}`;
}

/** A mailbox as tokens of a header field. */
export function mailboxTokens({ name, address }: Mailbox, limit?: number): string[] {
  const path = wireAddress(address);
  if (name === '') return [path];
  return [...nameTokens(name, limit), `<${path}>`];
}

/** A display name: as it is where it is a phrase, in quotes where it has specials, in encoded words otherwise. */
function nameTokens(name: string, limit: number | undefined): string[] {
  if (needsEncoding(name) || /\t| {2}|^ | $/.test(name)) return encodeWords(name, limit);
  if (/^[\w!#$%&'*+/=?^`{|}~ -]*$/.test(name)) return textTokens(name, limit);
  const quoted = `"${name.replace(/["\\]/g, '\\$&')}"`;
  // A line may break at a blank within quotes, too (RFC 5322 3.2.4); a word that fits on no line is encoded.
  const words = quoted.length <= QUOTED_LIMIT ? [quoted] : quoted.split(' ');
  return words.every((word) => word.length <= QUOTED_LIMIT) ? words : encodeWords(name, limit);
}

function commentEnd(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '(' && ++depth > DEPTH_LIMIT) throw wrong(text, 'its comments nest too deep');
    else if (text[at] === ')' && --depth === 0) return at + 1;
  }
  throw wrong(text, 'a comment in it does not end');
}

function quoteEnd(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '"') return at + 1;
  }
  throw wrong(text, 'a quote in it does not end');
}

function angleEnd(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '"') at = quoteEnd(text, at) - 1;
    else if (text[at] === '>') return at + 1;
    else if (text[at] === '<') break;
  }
  throw wrong(text, 'an angle bracket in it does not close');
}

function atomEnd(text: string, start: number): number {
  let at = start;
  while (at < text.length && !' \t,;:<>()"'.includes(text[at] as string)) {
    // A domain literal holds colons: [IPv6:2001:db8::1].
    const literal =
      text[at] === '[' && text[at - 1] === '@' ? text.slice(at, at + PATH_LIMIT).indexOf(']') : 0;
    at += Math.max(literal, 0) + 1;
  }
  return at;
}
