// Who has a mailbox on the interop servers. Names of more than ASCII, a password longer than one HMAC block and one full of
// the characters that quoting gets wrong are here so that every mechanism meets them.

/** The domain of every mailbox, and the same mailboxes under an internationalised one. */
export const DOMAIN = 'mail.test';
export const IDN_DOMAIN = 'bücher.test';
export const IDN_ALABEL = 'xn--bcher-kva.test';

/**
 * `address` is where mail for the login name `user` goes. The maildrops of nina, olga, peter, quinn and rosa belong to one
 * test each, which takes all that is there.
 */
export const ACCOUNTS = [
  { user: 'alice', password: 'wonder-land 42!' },
  { user: 'bob', password: 'b0b;with%odd"chars\\and\'quotes$HOME#=' },
  { user: 'carol', password: `${'long enough to be hashed first, '.repeat(3)}as RFC 2104 says` },
  { user: 'dave', password: 'dave-3jf8a0' },
  { user: 'erin', password: 'erin-9qk2l1' },
  { user: 'frank', password: 'frank-7sm4n2' },
  { user: 'grace', password: 'grace-1xp6r3' },
  { user: 'heidi', password: 'heidi-5wd8t4' },
  { user: 'ivan', password: 'ivan-2vb9y5' },
  { user: 'judy', password: 'judy-8hc7u6' },
  { user: 'kim', password: 'kim-4rw2e5xz' },
  { user: 'leo', password: 'leo-6ty8q1ns' },
  { user: 'mona', password: 'mona-3gb9h7df' },
  { user: 'nina', password: 'nina-0lk5j4ap' },
  { user: 'olga', password: 'olga-7vd2m9cw' },
  { user: 'peter', password: 'peter-4jn6x1sb' },
  { user: 'quinn', password: 'quinn-8fz3k5lt' },
  { user: 'rosa', password: 'rosa-2hy7p0qe' },
  { user: 'sven', password: 'sven-5mt8b2vk' },
  { user: 'jürgen', password: 'Grüße-пароль-密码', mailbox: 'juergen' },
].map((account) => ({ mailbox: account.user, ...account }));

/** Further addresses of one mailbox: a message to all of them comes there as often. */
export const CROWD = {
  mailbox: 'ivan',
  addresses: Array.from({ length: 20 }, (_, at) => `crowd-${at + 1}@${DOMAIN}`),
};

/** Recipients that are refused: for good, and for now. */
export const UNKNOWN = `nobody-here@${DOMAIN}`;
export const DEFERRED = `later@${DOMAIN}`;
