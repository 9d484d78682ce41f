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

/** How many recipients one transaction may have (RFC 9422 4.2); infinitely many where the server does not say. */
export function recipientsLimit(capabilities: Capabilities): number {
  const limit = /(?:^|\s)RCPTMAX=([1-9][0-9]{0,5})(?=\s|$)/i.exec(capabilities.get('LIMITS') ?? '')?.[1];
  return limit === undefined ? Number.POSITIVE_INFINITY : Number(limit);
}

/** What a message may hold; octets that are no lines only in `chunks`. */
export function serverTakes(capabilities: Capabilities, chunks: boolean): ServerTakes {
  return {
    eightBit: capabilities.has('8BITMIME'),
    binary: chunks && capabilities.has('CHUNKING') && capabilities.has('BINARYMIME'),
    utf8: capabilities.has('SMTPUTF8'),
  };
}
