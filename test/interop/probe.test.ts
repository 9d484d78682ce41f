import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { json, mailtool } from './command.ts';
import { account, describeInterop } from './servers.ts';

describeInterop('probe', (servers) => {
  const certificate = new X509Certificate(readFileSync(servers.tls.server.cert));
  const user = account(servers, 'alice');

  it.each([
    ['smtp', servers.smtp.starttls, 'starttls', 'PIPELINING'],
    ['smtp', servers.smtp.implicit, 'implicit', '8BITMIME'],
    ['pop3', servers.pop3.stls, 'starttls', 'UIDL'],
    ['pop3', servers.pop3.implicit, 'implicit', 'TOP'],
  ])('%s on port %i, TLS %s: what it can, and who it is', async (protocol, port, tls, capability) => {
    const args = ['probe', protocol, `${servers.host}:${port}`, `--${protocol}-tls`, tls];
    const outcome = await mailtool([...args, '--tls-ca', servers.tls.ca, '--json']);
    expect(outcome.stderr).toBe('');
    expect(outcome.status).toBe(0);
    const result = json(outcome);
    const sha256 = certificate.fingerprint256.replaceAll(':', '').toLowerCase();
    expect(result).toMatchObject({
      ok: true,
      protocol,
      host: servers.host,
      port,
      tls: { certificate: { sha256 } },
    });
    expect(String(result['greeting'])).toMatch(/ESMTP|Dovecot/);
    expect(JSON.stringify(result['capabilities'])).toContain(capability);
    // Before TLS there is the offer of it, and in SMTP no log-in; after it the offer is gone. (Dovecot trusts loopback.)
    const startTls = protocol === 'smtp' ? 'STARTTLS' : 'STLS';
    const before = result['plainCapabilities'];
    if (tls === 'starttls') expect(before).toContain(startTls);
    else expect(before).toEqual([]);
    expect(JSON.stringify(before)).not.toMatch(/"AUTH[ "]/);
    expect(result['capabilities']).not.toContain(startTls);
    const ca = new X509Certificate(readFileSync(servers.tls.ca));
    expect(result['tls']).toMatchObject({
      chain: [{ sha256 }, { sha256: ca.fingerprint256.replaceAll(':', '').toLowerCase() }],
    });
    const { daysLeft } = (result['tls'] as { certificate: { daysLeft: number } }).certificate;
    expect(daysLeft).toBe(Math.floor((Date.parse(certificate.validTo) - Date.now()) / 86_400_000));
    expect(result['mechanisms']).toEqual(expect.arrayContaining(['PLAIN', 'LOGIN', 'CRAM-MD5']));
  });

  it('logs in when asked', async () => {
    const args = [
      'probe',
      'pop3',
      `${servers.host}:${servers.pop3.stls}`,
      '--pop3-tls',
      'starttls',
      '--login',
    ];
    const login = ['--tls-ca', servers.tls.ca, '--pop3-user', user.user];
    const right = await mailtool([...args, ...login, '--expect', 'STLS,SASL=PLAIN,UIDL'], {
      env: { MAILTOOL_POP3_PASSWORD: user.password },
    });
    expect(right.stderr).not.toContain('error:');
    expect(right.status).toBe(0);
    const wrong = await mailtool([...args, ...login], { env: { MAILTOOL_POP3_PASSWORD: 'not it' } });
    expect(wrong.status).toBe(77);
  });

  it('answers no when something expected is missing, or the certificate ends too soon', async () => {
    const args = [
      'probe',
      'smtp',
      `${servers.host}:${servers.smtp.starttls}`,
      '--smtp-tls',
      'starttls',
      '--tls-ca',
      servers.tls.ca,
    ];
    expect((await mailtool([...args, '--expect', 'STARTTLS,AUTH=PLAIN'])).status).toBe(0);
    expect((await mailtool([...args, '--expect', 'AUTH=NTLM'])).status).toBe(1);
    expect((await mailtool([...args, '--min-cert-days', '5'])).status).toBe(0);
    expect((await mailtool([...args, '--min-cert-days', '400'])).status).toBe(1);
  });
});
