import { hostname } from 'node:os';
import { UsageError } from '../errors.ts';

/** Refuses what cannot be said with EHLO: a name of another script has an ASCII form (RFC 5890 2.3.2.1) for that. */
export function checkEhloName(name: string | undefined): void {
  if (name === undefined || /^[\x21-\x7e]{1,255}$/.test(name)) return;
  throw new UsageError(`not a name for EHLO: ${JSON.stringify(name.slice(0, 80))}`, {
    hint: 'a domain in ASCII (xn--...), or an address in brackets',
  });
}

/** This host's name; RFC 5321 4.1.3: a host without one of its own gives its address. */
export function defaultEhloName(address: string | undefined): string {
  const name = hostname();
  if (/^[a-z0-9-]+(\.[a-z0-9-]+)+$/i.test(name)) return name;
  if (address === undefined) return 'localhost';
  return address.includes(':') ? `[IPv6:${address}]` : `[${address}]`;
}
