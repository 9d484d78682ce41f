import { describe, expect, test } from 'vitest';
import { AuthenticationError, ProtocolError } from '../../src/errors.ts';
import {
  authenticate,
  type Credentials,
  candidates,
  MECHANISMS,
  type Mechanism,
  type MechanismContext,
  type Profile,
  type Step,
} from '../../src/sasl/index.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');
const secure = { tls: true, allowCleartext: false };
const exposed = { tls: false, allowCleartext: false };
const context: MechanismContext = {
  service: 'smtp',
  host: 'mx',
  port: 25,
  offered: new Set(),
  nonce: () => 'n',
};
const credentials = { username: 'tim', password: 'tanstaaftanstaaf' };

function named(name: string): Mechanism {
  const found = MECHANISMS.find((mechanism) => mechanism.name === name);
  if (found === undefined) throw new Error(`no ${name}`);
  return found;
}

/** A protocol that writes down what it is told and answers from a list; `true` is success, text a challenge. */
function scripted(answers: readonly (string | true | AuthenticationError)[], initialAllowed = true) {
  const said: string[] = [];
  const rest = [...answers];
  const next = (): Step => {
    const answer = rest.shift();
    if (answer === true) return { kind: 'success' };
    if (typeof answer === 'string') return { kind: 'challenge', base64: answer };
    return { kind: 'failure', error: answer ?? new AuthenticationError('no', 'X', { permanent: true }) };
  };
  const profile: Profile = {
    async start(mechanism, initial) {
      const sent = initialAllowed && initial !== undefined;
      said.push(sent ? `${mechanism} ${initial}` : mechanism);
      return { step: next(), sent };
    },
    async respond(response) {
      said.push(response);
      return next();
    },
    async cancel() {
      said.push('*');
    },
  };
  return { profile, said };
}

describe('the driver', () => {
  test('an initial response goes with the command, or waits where it may not', async () => {
    const blob = base64('\0tim\0tanstaaftanstaaf');
    const at = scripted([true]);
    await authenticate(at.profile, named('PLAIN'), credentials, secure, context);
    expect(at.said).toEqual([`PLAIN ${blob}`]);
    const waiting = scripted(['', true], false);
    await authenticate(waiting.profile, named('PLAIN'), credentials, secure, context);
    expect(waiting.said).toEqual(['PLAIN', blob]);
  });

  test('an empty initial response is written as =', async () => {
    const empty: Mechanism = {
      name: 'EXAMPLE',
      cleartext: false,
      proof: 'password',
      // biome-ignore lint/correctness/useYield: the only response is the last one
      *start() {
        return new Uint8Array();
      },
    };
    const at = scripted([true]);
    await authenticate(at.profile, empty, credentials, secure, context);
    expect(at.said).toEqual(['EXAMPLE =']);
  });

  test('an error report after the last response gets a dummy answer, and becomes the detail', async () => {
    const refusal = new AuthenticationError('refused', 'PLAIN', { permanent: true });
    const at = scripted([base64('{"status":"invalid_token"}'), refusal]);
    await expect(authenticate(at.profile, named('PLAIN'), credentials, secure, context)).rejects.toThrow(
      'refused ({"status":"invalid_token"})',
    );
    expect(at.said.at(-1)).toBe('');
  });

  test('a refused -PLUS says that the channel may be to blame, and not the password', async () => {
    const channelBinding = { type: 'tls-exporter', data: Uint8Array.of(1) } as const;
    const refusal = (permanent: boolean) =>
      new AuthenticationError('no', 'X', { permanent }, { hint: 'usual' });
    const refused = (name: string, permanent: boolean) =>
      authenticate(scripted([refusal(permanent)]).profile, named(name), credentials, secure, {
        ...context,
        channelBinding,
      });
    await expect(refused('SCRAM-SHA-256-PLUS', true)).rejects.toMatchObject({
      message: 'no',
      permanent: true,
      hint: expect.stringMatching(/^usual; if they are right, .* SCRAM-SHA-256 by name/),
    });
    await expect(refused('SCRAM-SHA-256-PLUS', false)).rejects.toMatchObject({ hint: 'usual' });
    await expect(refused('SCRAM-SHA-256', true)).rejects.toMatchObject({ hint: 'usual' });
  });

  test('what a mechanism throws cancels the exchange', async () => {
    const wary: Mechanism = {
      name: 'WARY',
      cleartext: false,
      proof: 'password',
      *start() {
        yield undefined;
        throw new ProtocolError('the server is not who it says');
      },
    };
    const at = scripted([base64('hm')]);
    await expect(authenticate(at.profile, wary, credentials, secure, context)).rejects.toThrow(
      'not who it says',
    );
    expect(at.said.at(-1)).toBe('*');
  });

  test('CRAM-MD5 takes keys longer than a block', async () => {
    const at = scripted([base64('<1@x>'), true]);
    await authenticate(
      at.profile,
      named('CRAM-MD5'),
      { username: 'u', password: 'k'.repeat(100) },
      exposed,
      context,
    );
    // From Python: hmac.new(b'k' * 100, b'<1@x>', 'md5').hexdigest()
    expect(Buffer.from(at.said[1] ?? '', 'base64').toString()).toBe('u 386f82315f78ae2cbad709d59516436c');
  });

  test.each(['PLAIN', 'LOGIN'])('%s is not even begun without TLS', async (name) => {
    const at = scripted([true]);
    await expect(authenticate(at.profile, named(name), credentials, exposed, context)).rejects.toBeInstanceOf(
      AuthenticationError,
    );
    expect(at.said).toEqual([]);
  });
});

describe('the choice', () => {
  const names = (
    offered: string[],
    protection: typeof secure,
    more: { who?: Credentials; wanted?: string; bound?: boolean } = {},
  ) =>
    candidates({
      offered: new Set(offered),
      wanted: more.wanted,
      credentials: more.who ?? credentials,
      protection,
      bound: more.bound ?? false,
    }).map(({ name }) => name);
  const all = [...MECHANISMS.map(({ name }) => name).reverse(), 'GSSAPI'];
  const scrams = ['SCRAM-SHA-512', 'SCRAM-SHA-256', 'SCRAM-SHA-1'];

  test('with a password, under TLS and without', () => {
    expect(names(all, secure)).toEqual([...scrams, 'PLAIN', 'LOGIN', 'CRAM-MD5', 'DIGEST-MD5']);
    expect(names(all, secure, { bound: true }).slice(0, 4)).toEqual([
      ...scrams.map((name) => `${name}-PLUS`),
      scrams[0],
    ]);
    expect(names(all, exposed)).toEqual([...scrams, 'CRAM-MD5', 'DIGEST-MD5']);
    expect(names(all, { tls: false, allowCleartext: true }).slice(-3)).toEqual([
      'DIGEST-MD5',
      'PLAIN',
      'LOGIN',
    ]);
    expect(names(['GSSAPI', 'NTLM', 'ANONYMOUS'], secure)).toEqual([]);
  });

  test('with a token only what takes tokens, with nothing EXTERNAL', () => {
    expect(names(all, secure, { who: { username: 'u', token: 't' } })).toEqual(['OAUTHBEARER', 'XOAUTH2']);
    expect(names(all, secure, { who: { username: 'u' } })).toEqual(['EXTERNAL']);
  });

  test('by name, offered or not; an unknown one is an error', () => {
    expect(names([], secure, { wanted: 'cram-md5' })).toEqual(['CRAM-MD5']);
    expect(() => names([], secure, { wanted: 'X-OWN' })).toThrow('unknown SASL mechanism X-OWN');
  });
});
