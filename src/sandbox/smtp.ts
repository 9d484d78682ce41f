/** The sandbox's SMTP server: the package `smtp-server`, so that it cannot share a misreading with the client. */
import type { AddressInfo } from 'node:net';
import type { SMTPServerAuthentication, SMTPServerDataStream, SMTPServerSession } from 'smtp-server';
import type { Certificate } from './certificate.ts';
import type { SandboxEvent } from './events.ts';
import type { Faults } from './faults.ts';
import { GRACE_MS, listen } from './listener.ts';
import type { Maildrop } from './maildrop.ts';
import type { User } from './pop3-auth.ts';
import { Abandoned, apply, gate, hangUp, Refusal, type SmtpConnection } from './smtp-faults.ts';

export interface SmtpContext {
  readonly maildrop: Maildrop;
  readonly user: User;
  readonly faults: Faults;
  readonly onEvent: (event: SandboxEvent) => void;
  readonly tls: (Certificate & { readonly implicit: boolean }) | undefined;
  /** Whether mail is refused (530) before a login. */
  readonly requireAuth: boolean;
  /** Octets; announced by SIZE. */
  readonly maxSize: number;
}

export interface SmtpServer {
  readonly port: number;
  close(): Promise<void>;
}

/** RFC 5321 4.5.3.2.7. */
const IDLE_TIMEOUT_MS = 300_000;

/** Starts listening on 127.0.0.1; `port` 0 takes a free one. What comes is stored as it came: no field is added. */
export async function startSmtp(port: number, context: SmtpContext): Promise<SmtpServer> {
  const { SMTPServer } = await import('smtp-server');
  const { faults, maildrop, onEvent, tls } = context;
  const connections = new Map<string, SmtpConnection>();

  /** Runs one of the library's hooks; a connection that is over gets no callback. */
  const hook = (
    session: SMTPServerSession,
    step: (connection: SmtpConnection) => Promise<void>,
    callback: (error?: Error) => void,
  ): void => {
    const connection = connections.get(session.id);
    if (connection === undefined) return;
    step(connection).then(
      () => callback(),
      (error: unknown) => {
        if (error instanceof Refusal) callback(error);
        else if (!(error instanceof Abandoned)) callback(new Refusal(451, 'cannot store the message'));
      },
    );
  };

  class Server extends SMTPServer {
    override connect(...given: Parameters<InstanceType<typeof SMTPServer>['connect']>): void {
      super.connect(...given);
      const connection = [...this.connections].at(-1);
      if (connection === undefined) return;
      connections.set(connection.id, connection);
      gate(connection, faults);
      onEvent({ type: 'connect', protocol: 'smtp' });
    }
  }

  const server = new Server({
    name: 'localhost',
    banner: 'mailtool sandbox',
    heloResponse: '%s',
    logger: false,
    disableReverseLookup: true,
    hideENHANCEDSTATUSCODES: false,
    authMethods: ['PLAIN', 'LOGIN', 'CRAM-MD5'],
    authOptional: !context.requireAuth,
    allowInsecureAuth: true,
    maxAllowedUnauthenticatedCommands: 1000,
    size: context.maxSize,
    rejectOversized: true,
    socketTimeout: IDLE_TIMEOUT_MS,
    closeTimeout: GRACE_MS,
    disabledCommands: ['XCLIENT', 'XFORWARD', ...(tls === undefined ? ['STARTTLS'] : [])],
    ...(tls === undefined
      ? {}
      : { key: tls.key, cert: tls.cert, minVersion: 'TLSv1.2' as const, secure: tls.implicit }),

    onConnect(session, callback) {
      hook(
        session,
        async (connection) => {
          const action = faults.next('smtp', 'greeting');
          if (action?.kind === 'lose' || action?.kind === 'cut') {
            hangUp(connection, action.kind === 'cut' ? '22' : '');
            throw new Abandoned();
          }
          await apply(connection, action);
        },
        callback,
      );
    },

    onAuth(auth, session, callback) {
      const ok = credentialsAreRight(auth, context.user);
      onEvent({ type: 'login', protocol: 'smtp', mechanism: auth.method, ok });
      hook(
        session,
        (connection) => apply(connection, faults.next('smtp', 'auth')),
        (error) => callback(error, ok ? { user: context.user.username } : {}),
      );
    },

    onData(stream, session, callback) {
      hook(session, (connection) => receive(connection, stream, session), callback);
    },

    onClose(session) {
      connections.delete(session.id);
      onEvent({ type: 'close', protocol: 'smtp' });
    },
  });

  async function receive(
    connection: SmtpConnection,
    stream: SMTPServerDataStream,
    session: SMTPServerSession,
  ): Promise<void> {
    const { mailFrom, rcptTo } = session.envelope;
    const message = await maildrop.deposit(guarded(connection, stream, faults), {
      reversePath: mailFrom === false ? '' : mailFrom.address,
      recipients: rcptTo.map((recipient) => recipient.address),
    });
    onEvent({ type: 'message', message });
  }

  // A connection that breaks ends by itself; there is nobody to tell.
  server.on('error', () => {});
  await listen(server.server, port);
  return {
    port: (server.server.address() as AddressInfo).port,
    async close() {
      const open = [...connections.values()];
      await new Promise<void>((resolve) => server.close(resolve));
      for (const connection of open) connection._socket.destroy();
    },
  };
}

/** The message, with the faults that hit it on the way in and, before it is stored, at its end. */
async function* guarded(
  connection: SmtpConnection,
  stream: SMTPServerDataStream,
  faults: Faults,
): AsyncGenerator<Uint8Array> {
  let started = false;
  for await (const chunk of stream) {
    if (!started) {
      started = true;
      await apply(connection, faults.next('smtp', 'body'));
    }
    // A message that is too large is read to its end (the client would not read a reply before) and kept no further.
    if (!stream.sizeExceeded) yield chunk as Uint8Array;
  }
  if (stream.sizeExceeded) throw new Refusal(552, 'message exceeds fixed maximum message size');
  await apply(connection, faults.next('smtp', 'eod'));
}

function credentialsAreRight(auth: SMTPServerAuthentication, user: User): boolean {
  switch (auth.method) {
    case 'CRAM-MD5':
      return auth.username === user.username && auth.validatePassword(user.password);
    case 'LOGIN':
      return auth.username === user.username && auth.password === user.password;
    case 'PLAIN': {
      // One user only, so nobody to act for but oneself.
      const forOneself = auth.authzid === '' || auth.authzid === user.username;
      return forOneself && auth.authcid === user.username && auth.password === user.password;
    }
    default:
      return false;
  }
}
