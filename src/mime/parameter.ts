import { checkText } from './header.ts';

/** Characters of an RFC 2045 token, save those that mean something in an extended value: they need no quotes. */
const TOKEN = /^[!#$&+.0-9A-Z^_`a-z{|}~-]+$/;
/** Characters that stand for themselves in an extended value (RFC 2231 7, attribute-char). */
const ATTRIBUTE_CHARACTER = /[!#$&+.0-9A-Z^_`a-z{|}~-]/;
/** What a plain value may have, so that it fits on a line with its name. */
const PIECE = 60;
/** What a line of 78 has left for the name and an extended value: not a blank, `*10*=utf-8''` and a semicolon. */
const EXTENDED = 78 - " *10*=utf-8'';".length;

/**
 * A parameter of a MIME field as tokens, each beginning a place where a line may break. A value that is not ASCII, or too
 * long for a line, takes the extended form with continuations (RFC 2231 3 and 4).
 */
export function parameter(name: string, value: string): string[] {
  checkText(`the parameter ${name}`, value);
  // Some readers decode what looks like an encoded word, or like an extended value, where it is neither.
  const mistakable = /=\?|^[\w.-]*'[\w-]*'/.test(value);
  if (!mistakable && value.length <= PIECE && TOKEN.test(value)) return [`${name}=${value}`];
  const quoted = value.length <= PIECE ? value.replace(/["\\]/g, '\\$&') : value;
  if (!mistakable && quoted.length <= PIECE && /^[\x20-\x7e]*$/.test(value)) return [`${name}="${quoted}"`];
  const room = EXTENDED - name.length;
  const pieces: string[] = [];
  let piece = '';
  for (const character of value) {
    const encoded = percentEncoded(character);
    if (piece.length + encoded.length > room) {
      pieces.push(piece);
      piece = '';
    }
    piece += encoded;
  }
  pieces.push(piece);
  if (pieces.length === 1) return [`${name}*=utf-8''${piece}`];
  return pieces.map((text, index) => `${name}*${index}*=${index === 0 ? "utf-8''" : ''}${text}`);
}

/** The same for readers that do not know the extended form: other characters become `_`, quotes `'`. */
export function plainFallback(value: string): string {
  const plain = value
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replaceAll('"', "'")
    .replace(/\\|[^\x20-\x7e]+/g, '_');
  return plain.length <= PIECE ? plain : `${plain.slice(0, PIECE - 12)}${plain.slice(-12)}`;
}

/** The value of a field and its parameters, as tokens for `field`. */
export function withParameters(value: string, ...parameters: readonly (readonly string[])[]): string[] {
  const tokens = [value, ...parameters.flat()];
  return tokens.map((token, index) => (index < tokens.length - 1 ? `${token};` : token));
}

function percentEncoded(character: string): string {
  if (ATTRIBUTE_CHARACTER.test(character)) return character;
  let encoded = '';
  for (const octet of Buffer.from(character, 'utf8'))
    encoded += `%${octet.toString(16).toUpperCase().padStart(2, '0')}`;
  return encoded;
}
