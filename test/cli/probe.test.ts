import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { daysLeft } from '../../src/cli/probe/describe.ts';
import { isMet, parseExpectations } from '../../src/cli/probe/expectations.ts';
import { UsageError } from '../../src/errors.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts';
import { mailtool } from './mailtool.ts';
import { lineServer } from './scripted-server.ts';

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await startSandbox({ tls: true });
});
afterAll(() => sandbox.close());
const probe = (...args: string[]) => mailtool(['probe', ...args], { env: sandbox.environment() });

describe.each([
  ['smtp', 'STARTTLS', 'PIPELINING', 'PLAIN'],
  ['pop3', 'STLS', 'UIDL', 'PLAIN'],
] as const)('probe %s', (protocol, startTls, capability, mechanism) => {
  it('says what the server offers before and after TLS, and shows its certificate', async () => {
    const { code, stdout, stderr } = await probe(protocol);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(new RegExp(`^before TLS .*\\b${startTls}\\b`, 'm'));
    expect(stdout).toMatch(new RegExp(`^offers .*\\b${capability}\\b`, 'm'));
    expect(stdout).toMatch(/^TLS +TLSv1\.3, \w+$/m);
    expect(stdout).toMatch(/^certificate +localhost, 127\.0\.0\.1/m);
    expect(stdout).toMatch(/^ +valid +\d{4}-\d\d-\d\d to \d{4}-\d\d-\d\d \(\d+ days left\)$/m);
    expect(stdout).toMatch(/^ +SHA-256 +[0-9a-f]{64}$/m);
    expect(stdout).toMatch(/^ +key +sha256\/\/[A-Za-z0-9+/]{43}=$/m);
    expect(stdout).toMatch(/^took +connect [\d.]+ ms, tls [\d.]+ ms$/m);
  });

  it('says the same in JSON', async () => {
    const { code, stdout } = await probe(protocol, '--login', '--json');
    expect(code).toBe(0);
    const document = JSON.parse(stdout);
    expect(document).toMatchObject({
      schema: 'mailtool.probe/1',
      ok: true,
      protocol,
      host: '127.0.0.1',
      port: sandbox[protocol].port,
      greeting: expect.stringMatching(/sandbox/),
      tls: {
        version: 'TLSv1.3',
        verified: true,
        certificate: {
          sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
          pin: expect.stringMatching(/^sha256\/\/[A-Za-z0-9+/]{43}=$/),
          daysLeft: expect.any(Number),
        },
        chain: [{ sha256: expect.stringMatching(/^[0-9a-f]{64}$/), daysLeft: expect.any(Number) }],
      },
      auth: expect.any(String),
      timingsMs: { connect: expect.any(Number), tls: expect.any(Number), auth: expect.any(Number) },
      unmet: [],
    });
    expect(document.mechanisms).toContain(mechanism);
    expect(document.plainCapabilities).toContain(startTls);
    expect(document.capabilities).not.toContain(startTls);
  });

  it('shows pins that hold, and one that does not is exit 76 and shows them again', async () => {
    const { stdout } = await probe(protocol);
    const pin = /^ +key +(\S+)$/m.exec(stdout)?.[1] ?? '';
    const fingerprint = /^ +SHA-256 +(\S+)$/m.exec(stdout)?.[1] ?? '';
    const env = { ...sandbox.environment(), MAILTOOL_TLS_CA: '' };
    const pinned = await mailtool(['probe', protocol, '--tls-pin', pin, '--tls-fingerprint', fingerprint], {
      env,
    });
    expect(pinned.code, pinned.stderr).toBe(0);
    const other = await mailtool(['probe', protocol, '--tls-pin', '00'.repeat(32)], { env });
    expect(other.code).toBe(76);
    expect(other.stderr).toContain(`it has ${pin}`);
    expect(other.stdout).toContain(pin);
    const tooOld = await probe(protocol, '--tls-min-version', '1.3');
    expect(tooOld.code).toBe(0);
  });

  it('asks a server that is named, with neither port nor TLS of the one in the settings', async () => {
    const { stdout } = await mailtool(['probe', protocol, `localhost:${sandbox[protocol].port}`], {
      env: { [`MAILTOOL_${protocol.toUpperCase()}_PORT`]: '1' },
    });
    expect(stdout).toMatch(/^TLS +none$/m);
    expect(stdout).toMatch(new RegExp(`^server +localhost:${sandbox[protocol].port} `, 'm'));
  });
});

describe('probe as a check', () => {
  it.each([
    ['smtp', ['--expect', 'STARTTLS,AUTH=PLAIN,SIZE>=25M', '--min-cert-days', '14'], 0],
    ['smtp', ['--expect', 'STARTTLS,CHUNKING'], 1],
    ['smtp', ['--expect', 'AUTH=SCRAM-SHA-256'], 1],
    ['smtp', ['--expect', 'SIZE>=900G'], 1],
    ['smtp', ['--min-cert-days', '4000'], 1],
    ['smtp', ['--min-cert-days', '1', '--smtp-tls', 'none'], 1],
    ['pop3', ['--expect', 'STLS,UIDL,TOP,SASL=PLAIN'], 0],
  ] as const)('%s %s: %d', async (protocol, args, exit) => {
    const { code, stderr } = await probe(protocol, ...args);
    expect(code, stderr).toBe(exit);
    if (exit === 1) {
      expect(stderr).toMatch(/^mailtool: error: not as expected, .*\nhint: .*\n$/);
      const document = JSON.parse((await probe(protocol, ...args, '--json')).stdout);
      expect(document.ok).toBe(false);
      expect(document.unmet).toHaveLength(1);
    }
  });

  it('names what is missing where there is no certificate at all', async () => {
    const { stderr } = await probe('smtp', '--min-cert-days', '1', '--smtp-tls', 'none');
    expect(stderr).toContain('not as expected, there is no certificate\n');
  });

  it('writes an IPv6 address as people do', async () => {
    const { stderr } = await mailtool(['probe', 'smtp', '[::1]:1', '-v']);
    expect(stderr).toContain('connecting to [::1]:1 (none)\n');
  });

  it('still knows after the log-in what was offered before it', async () => {
    const capa = '+OK\r\nUIDL\r\n';
    let isLoggedIn = false;
    await using server = await lineServer('+OK hi\r\n', (line) => {
      if (line === 'CAPA') return isLoggedIn ? `${capa}.\r\n` : `${capa}SASL PLAIN\r\n.\r\n`;
      isLoggedIn ||= line.startsWith('AUTH PLAIN ');
      return '+OK\r\n';
    });
    const { code, stdout, stderr } = await mailtool(
      ['probe', 'pop3', '--login', '--expect', 'SASL=PLAIN,UIDL', '--allow-cleartext-auth', '--json'],
      {
        env: {
          MAILTOOL_POP3_HOST: `127.0.0.1:${server.port}`,
          MAILTOOL_POP3_USER: 'ann',
          MAILTOOL_POP3_PASSWORD: 'secret',
        },
      },
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({ capabilities: ['UIDL'], mechanisms: ['PLAIN'], unmet: [] });
  });

  it('shows a certificate that it does not trust, and fails with 76', async () => {
    const { MAILTOOL_TLS_CA: _, ...env } = sandbox.environment();
    const { code, stdout, stderr } = await mailtool(['probe', 'smtp'], { env });
    expect(code).toBe(76);
    expect(stdout).toMatch(/^certificate +localhost/);
    expect(stderr).toMatch(/^mailtool: error: the certificate/);
    const document = JSON.parse((await mailtool(['probe', 'smtp', '--json'], { env })).stdout);
    expect(document).toMatchObject({
      ok: false,
      tls: { verified: false, certificate: { daysLeft: expect.any(Number) } },
    });
  });

  it.each([
    [['imap'], 64],
    [['smtp', 'smtp://host'], 64],
    [['smtp', '--expect', '>=5'], 64],
    [['smtp', '--min-cert-days', 'two'], 64],
    [[], 64],
  ])('refuses %s', async (args, exit) => {
    const { code, stdout, stderr } = await probe(...args);
    expect({ code, stdout }).toEqual({ code: exit, stdout: '' });
    expect(stderr).toMatch(/^mailtool: error: .+\nhint: .+\n$/);
  });
});

describe('expectations', () => {
  const offers = {
    final: new Map([
      ['SIZE', '1000'],
      ['AUTH', 'PLAIN LOGIN'],
      ['STARTTLS', ''],
    ]),
  };

  it.each([
    ['starttls', true],
    ['STLS', false],
    ['auth=login', true],
    ['AUTH=LOG', false],
    ['SIZE>=1000', true],
    ['SIZE>=1K', false],
    ['AUTH>=1', false],
  ])('%s: %s', (text, met) => {
    expect(parseExpectations(text).every((expectation) => isMet(expectation, offers))).toBe(met);
  });

  it('believes what was said before TLS of the offer of TLS only', () => {
    const plain = new Map([
      ['STARTTLS', ''],
      ['AUTH', 'PLAIN'],
      ['SIZE', '9000'],
    ]);
    const final = new Map([['SIZE', '1000']]);
    const met = (text: string) =>
      parseExpectations(text).every((expectation) => isMet(expectation, { plain, final }));
    expect([met('STARTTLS'), met('AUTH'), met('SIZE>=2000'), met('SIZE>=1000')]).toEqual([
      true,
      false,
      false,
      true,
    ]);
  });

  it('counts what a server stops to list after the log-in', () => {
    const open = new Map([['SASL', 'PLAIN']]);
    const [expectation] = parseExpectations('SASL=PLAIN');
    expect(expectation !== undefined && isMet(expectation, { open, final: new Map() })).toBe(true);
  });

  it('SIZE without a limit is enough for any', () => {
    const [expectation] = parseExpectations('SIZE>=25M');
    for (const size of ['', '0']) {
      expect(expectation !== undefined && isMet(expectation, { final: new Map([['SIZE', size]]) })).toBe(
        true,
      );
    }
  });

  it('takes a list with blanks, and refuses nonsense', () => {
    expect(parseExpectations(' STARTTLS , SIZE>=5M,').map(({ text }) => text)).toEqual([
      'STARTTLS',
      'SIZE>=5M',
    ]);
    for (const text of ['=x', 'SIZE>=', 'A B', '\u001b[0m'])
      expect(() => parseExpectations(text)).toThrow(UsageError);
  });
});

it('daysLeft rounds down, also below zero', () => {
  const certificate = { validTo: '2026-11-21T12:00:00.000Z' } as Parameters<typeof daysLeft>[0];
  expect(daysLeft(certificate, Date.parse('2026-11-20T00:00:00Z'))).toBe(1);
  expect(daysLeft(certificate, Date.parse('2026-11-21T11:00:00Z'))).toBe(0);
  expect(daysLeft(certificate, Date.parse('2026-11-21T13:00:00Z'))).toBe(-1);
});
