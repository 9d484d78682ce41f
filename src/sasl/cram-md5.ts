import { createHmac } from 'node:crypto';
import { type Mechanism, utf8 } from './mechanism.ts';

/** RFC 2195: the password stays here, a keyed digest of the server's challenge leaves. */
export const cramMd5: Mechanism = {
  name: 'CRAM-MD5',
  cleartext: false,
  proof: 'password',
  *start({ username, password = '' }) {
    const challenge = yield undefined;
    const digest = createHmac('md5', utf8(password)).update(challenge).digest('hex');
    return utf8(`${username} ${digest}`);
  },
};
