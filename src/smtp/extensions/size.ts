import { UnsupportedError } from '../../errors.ts';
import type { Extension } from './extension.ts';

/** RFC 1870: the size is told before the message, and a message that is too big is not even begun. */
export const size: Extension = {
  keyword: 'SIZE',
  mail: ({ size }) => (size === undefined ? [] : [`SIZE=${size}`]),
  problem({ size }, offered) {
    const limit = Number(offered);
    if (size === undefined || !(limit > 0) || size <= limit) return undefined;
    return new UnsupportedError(`the message has ${size} octets, the server takes at most ${limit}`, 'SIZE', {
      stage: 'mail',
      hint: 'send a smaller attachment, or a link to it',
    });
  },
};
