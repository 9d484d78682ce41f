import { UsageError } from '../errors.ts';

const UNITS: Readonly<Record<string, number>> = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 };

/** Octets from digits and a unit in either case: none, K, M or G. */
export function octetsOf(digits: string, unit: string): number {
  return Number(digits) * (UNITS[unit.toUpperCase()] ?? 1);
}

/** The size that a flag was given, in octets: `500K`, `10M`, `1G`. */
export function sizeOption(flag: string, text: string): number {
  const [, digits, unit = ''] = /^(\d{1,12})([KMG]?)B?$/i.exec(text) ?? [];
  if (digits === undefined) {
    throw new UsageError(`${flag} ${JSON.stringify(text.slice(0, 40))} is no size`, {
      hint: 'write 500K, 10M or 1G',
    });
  }
  return octetsOf(digits, unit);
}
