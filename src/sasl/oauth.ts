import { type Mechanism, utf8 } from './mechanism.ts';

/** RFC 7628. A refusal comes as a challenge that wants one octet 1 for an answer (3.2.3). */
export const oauthBearer: Mechanism = {
  name: 'OAUTHBEARER',
  cleartext: true,
  proof: 'token',
  dismissal: Uint8Array.of(1),
  // biome-ignore lint/correctness/useYield: the only response is the last one
  *start({ username, token = '' }, { host, port }) {
    const name = username.replaceAll('=', '=3D').replaceAll(',', '=2C');
    return utf8(`n,a=${name},\x01host=${host}\x01port=${port}\x01auth=Bearer ${token}\x01\x01`);
  },
};

/** The form that came before the RFC, which large providers still want. A refusal is answered with an empty line. */
export const xoauth2: Mechanism = {
  name: 'XOAUTH2',
  cleartext: true,
  proof: 'token',
  // biome-ignore lint/correctness/useYield: the only response is the last one
  *start({ username, token = '' }) {
    return utf8(`user=${username}\x01auth=Bearer ${token}\x01\x01`);
  },
};
