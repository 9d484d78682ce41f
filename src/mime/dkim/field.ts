import { field } from '../header.ts';
import type { LoadedSigner } from './key.ts';
import { relaxedField } from './relaxed.ts';

/** What a reader sees of a message, or acts on (RFC 6376 5.4.1); nothing that relays add or change. */
const SIGNED: ReadonlySet<string> = new Set([
  ...['from', 'sender', 'reply-to', 'to', 'cc', 'subject', 'date', 'message-id', 'in-reply-to', 'references'],
  ...['mime-version', 'content-type', 'content-transfer-encoding'],
  ...['resent-date', 'resent-from', 'resent-sender', 'resent-to', 'resent-cc', 'resent-message-id'],
  ...['list-id', 'list-help', 'list-unsubscribe', 'list-unsubscribe-post', 'list-subscribe', 'list-post'],
  ...['list-owner', 'list-archive'],
]);

/** A header field as it stands in a message. */
export interface RawField {
  /** In lower case. */
  readonly name: string;
  /** With name and folds, octets as characters, without the last line end. */
  readonly text: string;
}

/** The fields of a header with CRLF line ends; lines that are no fields are passed over. */
export function rawFields(head: Buffer): RawField[] {
  return head
    .toString('latin1')
    .split(/\r\n(?![ \t])/)
    .flatMap((text) => {
      const name = /^([!-9;-~]+)[ \t]*:/.exec(text)?.[1];
      return name === undefined ? [] : [{ name: name.toLowerCase(), text }];
    });
}

/** The names that a signature lists: every field to sign, and From once more, so that no other can be put beside it. */
export function signedNames(fields: readonly RawField[]): string[] {
  return [...fields.map(({ name }) => name).filter((name) => SIGNED.has(name)), 'from'];
}

/** The DKIM-Signature field (RFC 6376 3.5) with its line ends. */
export interface Signature {
  readonly signer: LoadedSigner;
  readonly domain: string;
  readonly names: readonly string[];
  /** In base64. */
  readonly bodyHash: string;
  /** Since 1970. */
  readonly seconds: number;
}

/** A field that covers `fields`, with its signature. */
export function signatureField(signature: Signature, fields: readonly RawField[]): string {
  const data = signedFields(signature.names, fields) + relaxedField(fieldWith(signature, ''));
  return fieldWith(signature, signature.signer.sign(Buffer.from(data, 'latin1')).toString('base64'));
}

/** How many octets `signatureField` will have: they are known before anything is signed. */
export function signatureSize(signature: Omit<Signature, 'bodyHash'>): number {
  const base64 = (octets: number) => 'A'.repeat(Math.ceil(octets / 3) * 4);
  return fieldWith({ ...signature, bodyHash: base64(32) }, base64(signature.signer.octets)).length;
}

/** The fields in relaxed form: of several with one name, each mention means the next from the bottom (RFC 6376 5.4.2). */
export function signedFields(names: readonly string[], fields: readonly RawField[]): string {
  const left = new Map<string, string[]>();
  for (const { name, text } of fields) {
    const others = left.get(name);
    if (others === undefined) left.set(name, [text]);
    else others.push(text);
  }
  return names
    .flatMap((name) => left.get(name)?.pop() ?? [])
    .map((text) => `${relaxedField(text)}\r\n`)
    .join('');
}

/** So many characters of a list or of base64 stay on one line. */
const PIECE = 72;

function fieldWith({ signer, domain, names, bodyHash, seconds }: Signature, signed: string): string {
  return field('DKIM-Signature', [
    'v=1;',
    `a=${signer.algorithm};`,
    'c=relaxed/relaxed;',
    `d=${domain};`,
    `s=${signer.selector};`,
    `t=${seconds};`,
    ...listTokens(names),
    `bh=${bodyHash};`,
    'b=',
    ...(signed.match(new RegExp(`.{1,${PIECE}}`, 'g')) ?? []),
  ]);
}

function listTokens(names: readonly string[]): string[] {
  const tokens: string[] = [];
  let token = 'h=';
  for (const [index, name] of names.entries()) {
    const word = `${name}${index < names.length - 1 ? ':' : ';'}`;
    if (token.length + word.length > PIECE) {
      tokens.push(token);
      token = '';
    }
    token += word;
  }
  return [...tokens, token];
}
