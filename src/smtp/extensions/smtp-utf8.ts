import { UnsupportedError } from '../../errors.ts';
import type { Extension } from './extension.ts';

/** RFC 6531 3.4. Said only of transactions that need it. */
export const smtpUtf8: Extension = {
  keyword: 'SMTPUTF8',
  mail: ({ utf8 }) => (utf8 ? ['SMTPUTF8'] : []),
  problem({ utf8 }, offered) {
    if (!utf8 || offered !== undefined) return undefined;
    return new UnsupportedError(
      'an address is not ASCII before its @, which the server does not take',
      'SMTPUTF8',
      {
        stage: 'mail',
        hint: 'use an address with an ASCII local part, or another server',
      },
    );
  },
};
