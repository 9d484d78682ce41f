import { DataError } from '../errors.ts';

/** What makes two messages differ although they say the same; fixed in tests. */
export interface Uniqueness {
  readonly now: Date;
  /** A fresh random text of letters and digits. */
  random(): string;
}

export const UNIQUE: Uniqueness = {
  get now() {
    return new Date();
  },
  // It has to differ from every other, not to be kept from anybody: no reason to load a cipher library.
  random: () => `${Math.random().toString(36).slice(2)}${Math.random().toString(36).slice(2)}`,
};

/** A new Message-ID at `domain`, with its angle brackets (RFC 5322 3.6.4). */
export function newMessageId(domain: string, { now, random }: Uniqueness): string {
  return `<${now.getTime().toString(36)}.${random()}@${domain}>`;
}

/** A boundary that no encoded part can hold: `=_` is in neither base64 nor quoted-printable (RFC 2045 6.7). */
export function newBoundary({ random }: Uniqueness): string {
  return `=_${random()}`;
}

/** One message identifier, with or without its brackets, as `<left@right>`. */
export function messageIdOf(text: string, what: string): string {
  const inner = text.replace(/^ +| +$/g, '').replace(/^<(.*)>$/s, '$1');
  if (
    /^[^\s<>@"\0-\x1f\x7f]+@[^\s<>@"\0-\x1f\x7f]+$/.test(inner) &&
    inner.length <= 900 &&
    !/[^\0-\x7f]/.test(inner)
  ) {
    return `<${inner}>`;
  }
  throw new DataError(`${what} is no message identifier: ${JSON.stringify(text.slice(0, 100))}`, {
    stage: 'compose',
    hint: 'it looks like <left@right>, in ASCII, without blanks',
  });
}

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** RFC 5322 3.3, in local time with its offset. */
export function dateText(date: Date): string {
  const year = date.getFullYear();
  if (!(year >= 1900 && year <= 9999)) {
    throw new DataError('the date is none that a message can have', {
      stage: 'compose',
      hint: 'its year has to be from 1900 to 9999 (RFC 5322 3.3)',
    });
  }
  const two = (number: number) => String(number).padStart(2, '0');
  const offset = -date.getTimezoneOffset();
  const minutes = Math.abs(offset);
  return (
    `${DAYS[date.getDay()]}, ${date.getDate()} ${MONTHS[date.getMonth()]} ${year} ` +
    `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())} ` +
    `${offset < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}${two(minutes % 60)}`
  );
}
