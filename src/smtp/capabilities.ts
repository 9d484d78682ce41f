import type { ServerTakes } from './envelope.ts';

/** What EHLO offered: keyword in upper case, and its parameters as sent (RFC 5321 4.1.1.1). */
export type Capabilities = ReadonlyMap<string, string>;

/** Reads the lines of the reply to EHLO. The first names the server; `AUTH=` is an old spelling of `AUTH `. */
export function readCapabilities(lines: readonly string[]): Capabilities {
  const capabilities = new Map<string, string>();
  for (const line of lines.slice(1)) {
    const match = /^([a-z0-9][a-z0-9-]*)(?:[ =]+(.*))?$/i.exec(line.trim());
    if (match?.[1] === undefined) continue;
    const keyword = match[1].toUpperCase();
    const known = capabilities.get(keyword);
    const parameters = (match[2] ?? '').trim();
    capabilities.set(keyword, known === undefined ? parameters : `${known} ${parameters}`.trim());
  }
  return capabilities;
}

/** The SASL mechanisms on offer, in upper case. */
export function offeredMechanisms(capabilities: Capabilities): ReadonlySet<string> {
  return new Set(
    (capabilities.get('AUTH') ?? '')
      .toUpperCase()
      .split(/\s+/)
      .filter((name) => name !== ''),
  );
}

/** What a server says it takes at most (RFC 9422 4); infinitely much of what it does not speak of. */
export interface Limits {
  /** Transactions in one session. */
  readonly mailMax: number;
  /** Recipients in one transaction. */
  readonly rcptMax: number;
  /** Different domains among them. */
  readonly rcptDomainMax: number;
}

/** The limits of the LIMITS extension; one that is no number above 0, of at most 6 digits (RFC 9422 3), is none. */
export function readLimits(capabilities: Capabilities): Limits {
  const stated = (capabilities.get('LIMITS') ?? '').toUpperCase().split(/\s+/);
  const limit = (name: string) => {
    const value = stated.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1);
    return value !== undefined && /^[1-9][0-9]{0,5}$/.test(value) ? Number(value) : Number.POSITIVE_INFINITY;
  };
  return { mailMax: limit('MAILMAX'), rcptMax: limit('RCPTMAX'), rcptDomainMax: limit('RCPTDOMAINMAX') };
}

/** The first of `recipients` that fit in one transaction of at most `atOnce` recipients; those left over keep their order. */
export function fitting<T extends { readonly path: string }>(
  recipients: readonly T[],
  atOnce: number,
  { rcptDomainMax }: Limits,
): { readonly these: readonly T[]; readonly rest: readonly T[] } {
  if (rcptDomainMax === Number.POSITIVE_INFINITY) {
    return { these: recipients.slice(0, atOnce), rest: recipients.slice(atOnce) };
  }
  const domains = new Set<string>();
  const these: T[] = [];
  const rest: T[] = [];
  for (const recipient of recipients) {
    const domain = domainOf(recipient.path);
    const fits = these.length < atOnce && (domains.has(domain) || domains.size < rcptDomainMax);
    if (fits) domains.add(domain);
    (fits ? these : rest).push(recipient);
  }
  return { these, rest };
}

function domainOf(path: string): string {
  return path.slice(path.lastIndexOf('@') + 1).toLowerCase();
}

/** What a message may hold; octets that are no lines only in `chunks`. */
export function serverTakes(capabilities: Capabilities, chunks: boolean): ServerTakes {
  return {
    eightBit: capabilities.has('8BITMIME'),
    binary: chunks && capabilities.has('CHUNKING') && capabilities.has('BINARYMIME'),
    utf8: capabilities.has('SMTPUTF8'),
  };
}
