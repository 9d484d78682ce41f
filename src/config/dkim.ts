/** The names that a DKIM signature goes by. */
import { domainToASCII } from 'node:url';
import { BadValue, quote } from './values.ts';

/** Names of keys in DNS (RFC 6376 3.1), with commas between them. */
export function parseSelectors(text: string): string[] {
  return text.split(',').map((name) => {
    if (isDnsName(name)) return name;
    throw new BadValue(
      `${quote(name)} is not a DKIM selector: letters, digits, hyphens, and dots between them`,
    );
  });
}

/** A domain with a dot in it; letters of any script. */
export function parseDomain(text: string): string {
  const ascii = /[^\0-\x7f]/.test(text) ? domainToASCII(text) : text;
  if (ascii.includes('.') && isDnsName(ascii)) return text;
  throw new BadValue(`${quote(text)} is not a domain: write example.org`);
}

/** RFC 1035 2.3.4. */
function isDnsName(text: string): boolean {
  return (
    text.length < 254 &&
    text.split('.').every((label) => /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i.test(label))
  );
}
