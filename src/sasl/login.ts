import { type Mechanism, utf8 } from './mechanism.ts';

/** LOGIN (draft-murchison-sasl-login): user name, then password, whatever the prompts say: they vary by server. */
export const login: Mechanism = {
  name: 'LOGIN',
  cleartext: true,
  proof: 'password',
  *start({ username, password = '' }) {
    yield undefined;
    yield utf8(username);
    return utf8(password);
  },
};
