import { describe, expect, it } from 'vitest';
import { eventually } from '../eventually.ts';
import { type BoundServerOptions, boundServer, middleman } from './channel-bound.ts';
import { json, type Login, mailtool, pop3Login, smtpLogin } from './command.ts';
import { account, describeInterop } from './servers.ts';

type Kind = Pick<BoundServerOptions, 'library' | 'tls'>;

// GNU SASL has SHA-1 and SHA-256; Cyrus SASL 512 as well. On TLS 1.2 GNU SASL knows only what we do not speak.
const KINDS: readonly (Kind & { readonly strongest: string; readonly flag: string })[] = [
  { library: 'gnu', tls: '1.3', strongest: 'SCRAM-SHA-256', flag: 'p=tls-exporter' },
  { library: 'cyrus', tls: '1.3', strongest: 'SCRAM-SHA-512', flag: 'p=tls-exporter' },
  { library: 'cyrus', tls: '1.2', strongest: 'SCRAM-SHA-512', flag: 'p=tls-server-end-point' },
];

describeInterop('SCRAM with channel binding', (servers) => {
  const user = account(servers, 'alice');
  /** Logs in and does nothing else. */
  const logIn = (
    protocol: 'smtp' | 'pop3',
    port: number,
    args: string[] = [],
    login: Partial<Login> = {},
  ) => {
    const variables = protocol === 'smtp' ? smtpLogin : pop3Login;
    return mailtool(['probe', protocol, `${servers.host}:${port}`, '--login', '--json', ...args], {
      env: variables(servers, { user, port, tls: 'implicit', ...login }),
    });
  };

  describe.each(['smtp', 'pop3'] as const)('%s', (protocol) => {
    describe.each(KINDS)('$library SASL on TLS $tls', ({ strongest, flag, ...kind }) => {
      const start = (more: Partial<BoundServerOptions> = {}) =>
        boundServer(servers, { ...kind, protocol, user, ...more });

      it('takes the -PLUS form of the strongest by itself', async () => {
        await using server = await start();
        const outcome = await logIn(protocol, server.port);
        expect(outcome.stderr).toBe('');
        expect(json(outcome)).toMatchObject({
          ok: true,
          auth: `${strongest}-PLUS`,
          tls: { version: `TLSv${kind.tls}` },
        });
        await eventually(() => {
          expect(server.logins).toEqual([{ mechanism: `${strongest}-PLUS`, header: flag, error: null }]);
        });
      });

      it.each(['scram-sha-1-plus', 'scram-sha-256-plus'])('has %s by name', async (mechanism) => {
        await using server = await start();
        expect(json(await logIn(protocol, server.port, [], { mechanism }))).toMatchObject({
          ok: true,
          auth: mechanism.toUpperCase(),
        });
        const wrong = await logIn(protocol, server.port, [], { mechanism, password: 'not it' });
        expect(wrong.status).toBe(77);
        await eventually(() => expect(server.logins.map(({ header }) => header)).toEqual([flag, flag]));
      });

      it('says n where it leaves an offered -PLUS alone, and y where there is none', async () => {
        await using able = await start();
        expect((await logIn(protocol, able.port, [], { mechanism: strongest.toLowerCase() })).status).toBe(0);
        await eventually(() => expect(able.logins).toMatchObject([{ mechanism: strongest, header: 'n' }]));
        await using unable = await start({ binding: false });
        expect(json(await logIn(protocol, unable.port))).toMatchObject({ ok: true, auth: strongest });
        await eventually(() =>
          expect(unable.logins).toEqual([{ mechanism: strongest, header: 'y', error: null }]),
        );
      });

      it('is refused by the server when somebody in the middle has the certificate of another: 77', async () => {
        await using server = await start();
        await using middle = await middleman(server.port, servers.tls.untrusted, kind.tls);
        const outcome = await logIn(protocol, middle.port, ['--tls-insecure']);
        expect(outcome.status).toBe(77);
        expect(json(outcome)).toMatchObject({
          ok: false,
          error: { code: 'EAUTH', hint: expect.stringContaining('TLS ends before the server') },
        });
        await eventually(() =>
          expect(server.logins).toEqual([
            { mechanism: `${strongest}-PLUS`, header: flag, error: expect.any(String) },
          ]),
        );
        // The one in the middle spoils nothing else: without the binding nobody notices.
        const mechanism = strongest.toLowerCase();
        expect((await logIn(protocol, middle.port, ['--tls-insecure'], { mechanism })).status).toBe(0);
      });

      it('is refused by the server when somebody in the middle cuts -PLUS out of its offer: 77', async () => {
        await using server = await start();
        await using middle = await middleman(server.port, servers.tls.untrusted, kind.tls, true);
        expect((await logIn(protocol, middle.port, ['--tls-insecure'])).status).toBe(77);
        await eventually(() =>
          expect(server.logins).toEqual([{ mechanism: strongest, header: 'y', error: expect.any(String) }]),
        );
      });
    });
  });
});
