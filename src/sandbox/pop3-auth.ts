/** The server's half of SASL in POP3 (RFC 5034), and of APOP (RFC 1939 7): written apart from the client's. */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

export const MECHANISMS = ['PLAIN', 'LOGIN', 'CRAM-MD5'] as const;
export type MechanismName = (typeof MECHANISMS)[number];

export interface User {
  readonly username: string;
  readonly password: string;
}

/** Sends a challenge and gives the decoded response; throws `ExchangeError` when there is none. */
export type Ask = (challenge: string) => Promise<Buffer>;

/** The exchange ended without credentials to check: its message is the text of the `-ERR`. */
export class ExchangeError extends Error {}

/** Decodes the base64 of a response; `=` alone is an empty initial response (RFC 5034 4). */
export function decodeResponse(text: string): Buffer {
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)) {
    throw new ExchangeError('this is not base64');
  }
  return Buffer.from(text, 'base64');
}

/** A timestamp for APOP, a challenge for CRAM-MD5: in both cases the form of a msg-id (RFC 2195 2). */
export function makeTimestamp(): string {
  return `<${randomBytes(12).toString('hex')}.${Date.now()}@localhost>`;
}

export function checkPassword(user: User, username: Buffer, password: Buffer): boolean {
  return same(Buffer.from(user.username), username) && same(Buffer.from(user.password), password);
}

/** RFC 1939 7: the MD5 of the timestamp, angle brackets included, followed by the password. */
export function checkApop(user: User, timestamp: string, username: Buffer, digest: string): boolean {
  const expected = createHash('md5').update(timestamp).update(user.password, 'utf8').digest('hex');
  return same(Buffer.from(user.username), username) && same(Buffer.from(expected), Buffer.from(digest));
}

/** Runs one mechanism to its end; whether the credentials were right. */
export async function runMechanism(
  name: MechanismName,
  initial: Buffer | undefined,
  ask: Ask,
  user: User,
): Promise<boolean> {
  switch (name) {
    case 'PLAIN': {
      const parts = splitAtNul(initial ?? (await ask('')));
      const [authorization, username, password, ...more] = parts;
      if (
        authorization === undefined ||
        username === undefined ||
        password === undefined ||
        more.length > 0
      ) {
        throw new ExchangeError('PLAIN is three fields with a NUL between them');
      }
      // One user only, so nobody to act for but oneself.
      const forOneself = authorization.length === 0 || same(authorization, username);
      return checkPassword(user, username, password) && forOneself;
    }
    case 'LOGIN': {
      const username = initial ?? (await ask('Username:'));
      const password = await ask('Password:');
      return checkPassword(user, username, password);
    }
    case 'CRAM-MD5': {
      // RFC 5034 4: the server speaks first here.
      if (initial !== undefined) throw new ExchangeError('CRAM-MD5 has no initial response');
      const challenge = makeTimestamp();
      const response = (await ask(challenge)).toString('latin1');
      const space = response.lastIndexOf(' ');
      if (space === -1) throw new ExchangeError('CRAM-MD5 answers with a user name, a space and a digest');
      const expected = createHmac('md5', Buffer.from(user.password)).update(challenge).digest('hex');
      const username = Buffer.from(response.slice(0, space), 'latin1');
      const digest = Buffer.from(response.slice(space + 1), 'latin1');
      return same(Buffer.from(user.username), username) && same(Buffer.from(expected), digest);
    }
  }
}

function splitAtNul(bytes: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  let from = 0;
  for (let at = bytes.indexOf(0); at !== -1; at = bytes.indexOf(0, from)) {
    parts.push(bytes.subarray(from, at));
    from = at + 1;
  }
  parts.push(bytes.subarray(from));
  return parts;
}

function same(expected: Buffer, given: Buffer): boolean {
  return expected.length === given.length && timingSafeEqual(expected, given);
}
