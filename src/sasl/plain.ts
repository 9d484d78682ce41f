import { type Mechanism, utf8 } from './mechanism.ts';

/** RFC 4616: everything in one response. */
export const plain: Mechanism = {
  name: 'PLAIN',
  cleartext: true,
  proof: 'password',
  // biome-ignore lint/correctness/useYield: the only response is the last one
  *start({ username, password = '', authorizationId = '' }) {
    return utf8(`${authorizationId}\0${username}\0${password}`);
  },
};
