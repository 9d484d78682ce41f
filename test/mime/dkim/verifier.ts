import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';
import { ED25519, RSA_PEM } from './rfc8463.ts';

/** The public halves of the keys of RFC 8463. */
export const PUBLIC: Readonly<Record<string, KeyObject>> = {
  'rsa-sha256': createPublicKey(RSA_PEM),
  'ed25519-sha256': createPublicKey(ED25519),
};

/** One signature of a message: its tags, and whether it holds. */
export interface Verdict {
  readonly tags: Readonly<Record<string, string>>;
  readonly bodyHolds: boolean;
  readonly headerHolds: boolean;
}

const relaxedLine = (text: string) => text.replace(/[ \t]+/g, ' ').replace(/ $/, '');
const relaxedHeader = (text: string) =>
  relaxedLine(text.replaceAll('\r\n', '')).replace(
    /^([^:]*?) ?: ?/,
    (_, name: string) => `${name.toLowerCase()}:`,
  );

/** Verifies the signatures of a message as RFC 6376 6.1 has it, simply and in memory. */
export function verdicts(message: Uint8Array, keys = PUBLIC): Verdict[] {
  const text = Buffer.from(message).toString('latin1');
  const end = text.indexOf('\r\n\r\n');
  const head = end === -1 ? text.replace(/\r\n$/, '') : text.slice(0, end);
  const lines = (end === -1 ? '' : text.slice(end + 4)).split('\r\n').map(relaxedLine);
  while (lines.at(-1) === '') lines.pop();
  const body = lines.map((line) => `${line}\r\n`).join('');
  const hash = createHash('sha256').update(body, 'latin1').digest('base64');
  const fields = head.split(/\r\n(?=[^ \t])/);
  return fields
    .filter((each) => /^dkim-signature:/i.test(each))
    .map((signature) => {
      const value = signature.slice(signature.indexOf(':') + 1).replaceAll(/\s+/g, '');
      const tags = Object.fromEntries(
        value.split(';').map((tag) => [tag.slice(0, tag.indexOf('=')), tag.slice(tag.indexOf('=') + 1)]),
      );
      const left = [...fields];
      const chosen = (tags['h'] ?? '').split(':').flatMap((name) => {
        const at = left.findLastIndex(
          (each) => each.split(':')[0]?.trim().toLowerCase() === name.toLowerCase(),
        );
        return at === -1 ? [] : left.splice(at, 1).map((each) => `${relaxedHeader(each)}\r\n`);
      });
      const unsigned = relaxedHeader(signature.replace(/([;\s]b=)[^;]*/, '$1'));
      const data = Buffer.from(chosen.join('') + unsigned, 'latin1');
      const key = keys[tags['a'] ?? ''];
      const signed = Buffer.from(tags['b'] ?? '', 'base64');
      const holds = (own: KeyObject) =>
        own.asymmetricKeyType === 'rsa'
          ? verify('sha256', data, own, signed)
          : verify(null, createHash('sha256').update(data).digest(), own, signed);
      return { tags, bodyHolds: tags['bh'] === hash, headerHolds: key !== undefined && holds(key) };
    });
}
