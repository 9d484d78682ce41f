import { UsageError } from '../../errors.ts';

/** The moment of a flag; UsageError names it. A year has four digits, as everywhere in mail. */
export function dateOf(flag: string, text: string): Date {
  const date = new Date(text);
  // The parser makes something of nearly every text, "next week 3" is in March 2001 to it: only these forms get there.
  if (!dateForms().some((form) => isDay(form.exec(text)?.groups)) || !isMailYear(date.getUTCFullYear())) {
    throw new UsageError(`${flag} ${JSON.stringify(text)} is no date`, {
      hint: 'write 2026-11-21T10:00:00Z, or Sat, 21 Nov 2026 10:00:00 +0000',
    });
  }
  return date;
}

const ZONE = '(?: ?(?:[+-]\\d\\d:?\\d\\d|[a-z]{1,5}))?';
const TIME = '\\d{1,2}:\\d\\d(?::\\d\\d(?:\\.\\d{1,9})?)?';
const WEEKDAY = '(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6},? +)?';

/** ISO 8601, as in mail (RFC 5322 3.3), and as the shell's `date` prints it. */
function dateForms(): RegExp[] {
  return [
    `^(?<year>\\d{4})-(?<month>\\d\\d)-(?<day>\\d\\d)(?:[t ]${TIME}${ZONE})?$`,
    `^${WEEKDAY}(?<day>\\d{1,2}) +(?<month>[a-z]{3})[a-z]{0,6} +(?<year>\\d{4})(?: +${TIME}${ZONE}(?: \\([^()\\n]*\\))?)?$`,
    `^${WEEKDAY}(?<month>[a-z]{3})[a-z]{0,6} +(?<day>\\d{1,2}) +${TIME}${ZONE} +(?<year>\\d{4})$`,
  ].map((form) => new RegExp(form, 'i'));
}

const MONTHS = 'janfebmaraprmayjunjulaugsepoctnovdec';

/** Whether there is such a day: the parser takes 30 February for one of March. */
function isDay(form: Readonly<Record<string, string>> | undefined): boolean {
  if (form === undefined) return false;
  const { year, month = '', day } = form;
  const index = /\d/.test(month) ? Number(month) - 1 : MONTHS.indexOf(month.toLowerCase()) / 3;
  return new Date(Date.UTC(Number(year), index, Number(day))).getUTCDate() === Number(day);
}

/** False also for NaN, the year of what is no date. */
function isMailYear(year: number): boolean {
  return year >= 0 && year <= 9999;
}
