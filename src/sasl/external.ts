import { type Mechanism, utf8 } from './mechanism.ts';

/** RFC 4422 appendix A: the TLS client certificate is the proof. */
export const external: Mechanism = {
  name: 'EXTERNAL',
  cleartext: false,
  proof: 'nothing',
  // biome-ignore lint/correctness/useYield: the only response is the last one
  *start({ authorizationId = '' }) {
    return utf8(authorizationId);
  },
};

/** RFC 4505: no proof at all; the user name is left as a trace. */
export const anonymous: Mechanism = {
  name: 'ANONYMOUS',
  cleartext: false,
  proof: 'nothing',
  byNameOnly: true,
  // biome-ignore lint/correctness/useYield: the only response is the last one
  *start({ username }) {
    return utf8(username.slice(0, 255));
  },
};
