import { UnsupportedError } from '../../errors.ts';
import type { Extension } from './extension.ts';

/** RFC 6152. Said only of messages that need it. */
export const eightBitMime: Extension = {
  keyword: '8BITMIME',
  mail: ({ eightBit, binary }) => (eightBit && !binary ? ['BODY=8BITMIME'] : []),
  problem({ eightBit, binary }, offered) {
    if (!eightBit || binary || offered !== undefined) return undefined;
    return new UnsupportedError('the message has 8-bit content, which the server does not take', '8BITMIME', {
      stage: 'mail',
      hint: 'encode its parts as quoted-printable or base64',
    });
  },
};
