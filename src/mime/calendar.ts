import { DataError } from '../errors.ts';
import { type Attachment, attachmentPart } from './attachment.ts';
import type { Part } from './part.ts';
import { bytesSource, readAll, type Source } from './source.ts';
import { readText, textPart } from './text.ts';

/** Larger calendars are files, not invitations. */
const CALENDAR_LIMIT = 4 * 1024 * 1024;

/** A calendar in a message: one of its alternatives, which readers act on, and the same as a file, which people can keep. */
export interface CalendarParts {
  readonly alternative: Part;
  readonly file: Part;
}

/**
 * The parts of an iCalendar object (RFC 5545), with the method that it names: readers only take an invitation for one where
 * both agree (RFC 6047 2.4). `DataError` for what is no calendar.
 */
export async function calendarParts(source: Source): Promise<CalendarParts> {
  if (source.size > CALENDAR_LIMIT) throw noCalendar(`it has more than ${CALENDAR_LIMIT} octets`);
  const octets = await readAll(source, 'the calendar');
  const text = await readText(bytesSource(octets), CALENDAR_LIMIT);
  const method = methodOf(text);
  const file: Attachment = {
    filename: 'invite.ics',
    type: method === undefined ? 'application/ics' : `application/ics; method=${method}`,
    ...bytesSource(octets),
  };
  const parameters = method === undefined ? [] : [`method=${method}`];
  return {
    alternative: await textPart(text, 'calendar', 'utf-8', parameters),
    file: await attachmentPart(file),
  };
}

/** RFC 5545 3.7.2; undefined for a calendar that asks for nothing. */
function methodOf(text: string): string | undefined {
  const lines = text
    .replace(/\r\n?|\n/g, '\n')
    .replace(/\n[ \t]/g, '')
    .split('\n');
  if (!/^BEGIN:VCALENDAR\s*$/i.test(lines[0] ?? ''))
    throw noCalendar('it does not begin with BEGIN:VCALENDAR');
  if (!lines.some((line) => /^END:VCALENDAR\s*$/i.test(line))) throw noCalendar('END:VCALENDAR is missing');
  const methods = new Set(
    lines.flatMap((line) => {
      const [, value] = /^METHOD(?:;[^:]*)?:(.*)$/i.exec(line) ?? [];
      return value === undefined ? [] : [value.trim().toUpperCase()];
    }),
  );
  if (methods.size > 1) throw noCalendar('it names two methods');
  const [method] = methods;
  if (method !== undefined && !/^[A-Z0-9-]{1,40}$/.test(method)) {
    throw noCalendar(`it names the method ${JSON.stringify(method.slice(0, 40))}`);
  }
  return method;
}

function noCalendar(why: string): DataError {
  return new DataError(`the calendar cannot be sent: ${why}`, {
    stage: 'compose',
    hint: 'it has to be one iCalendar file (.ics, RFC 5545)',
  });
}
