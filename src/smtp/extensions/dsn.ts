import { DataError } from '../../errors.ts';
import { missing } from './asked.ts';
import type { Extension } from './extension.ts';
import { xtext } from './xtext.ts';

/** RFC 3461 4.4. */
const ENVELOPE_ID_LIMIT = 100;

/** RFC 3461: the same conditions for every recipient, each with its address as it was first written (ORCPT). */
export const dsn: Extension = {
  keyword: 'DSN',
  mail({ dsn }) {
    if (dsn === undefined) return [];
    const words: string[] = [];
    if (dsn.return !== undefined) words.push(`RET=${dsn.return === 'full' ? 'FULL' : 'HDRS'}`);
    if (dsn.envelopeId !== undefined) {
      if (dsn.envelopeId === '' || xtext(dsn.envelopeId).length > ENVELOPE_ID_LIMIT) {
        throw new DataError(`an envelope id has 1 to ${ENVELOPE_ID_LIMIT} characters`, { stage: 'mail' });
      }
      words.push(`ENVID=${xtext(dsn.envelopeId)}`);
    }
    return words;
  },
  rcpt({ dsn }, path) {
    if (dsn?.notify === undefined || dsn.notify.length === 0) return [];
    if (dsn.notify.includes('never') && dsn.notify.length > 1) {
      throw new DataError('NOTIFY=NEVER excludes every other condition', { stage: 'rcpt' });
    }
    const type = /[^\0-\x7f]/.test(path) ? 'utf-8' : 'rfc822';
    const original = type === 'rfc822' ? xtext(path) : utf8AddressXtext(path);
    return [`NOTIFY=${dsn.notify.join(',').toUpperCase()}`, `ORCPT=${type};${original}`];
  },
  problem: ({ dsn }, offered) =>
    missing(dsn !== undefined, offered, 'DSN', 'a delivery status notification was asked for'),
};

/** An address that is not ASCII, in the form for servers with SMTPUTF8 (RFC 6533 3, utf-8-addr-unitext). */
function utf8AddressXtext(path: string): string {
  return path.replace(
    /[\\+= ]/g,
    (character) => `\\x{${character.charCodeAt(0).toString(16).toUpperCase()}}`,
  );
}
