/**
 * Faults in the SMTP server, which is a library's: its hooks serve where it has them, and elsewhere the one handler of a
 * connection that stands for the command is put behind a gate.
 */
import type { SMTPServer } from 'smtp-server';
import type { FaultAction, Faults, SmtpStage } from './faults.ts';

/** A connection as the library's types give it to us. */
export type SmtpConnection = SMTPServer['connections'] extends Set<infer Connection> ? Connection : never;

type Handler =
  `handler_${'EHLO' | 'HELO' | 'STARTTLS' | 'MAIL' | 'RCPT' | 'DATA' | 'RSET' | 'NOOP' | 'QUIT'}`;

const GATES: readonly (readonly [SmtpStage, Handler])[] = [
  ['ehlo', 'handler_EHLO'],
  ['helo', 'handler_HELO'],
  ['starttls', 'handler_STARTTLS'],
  ['mail', 'handler_MAIL'],
  ['rcpt', 'handler_RCPT'],
  ['data', 'handler_DATA'],
  ['rset', 'handler_RSET'],
  ['noop', 'handler_NOOP'],
  ['quit', 'handler_QUIT'],
];

/** A reply instead of going on, in the form in which the library's hooks take it. */
export class Refusal extends Error {
  readonly responseCode: number;

  constructor(code: number, text: string) {
    super(text === '' ? 'as the fault says' : text);
    this.responseCode = code;
  }
}

/** The connection ended, or must end, before the step was done. */
export class Abandoned extends Error {}

/** Puts the faults of the commands before a connection's handlers. */
export function gate(connection: SmtpConnection, faults: Faults): void {
  for (const [stage, name] of GATES) {
    const handler = connection[name].bind(connection);
    connection[name] = (command, callback) => {
      const action = faults.next('smtp', stage);
      if (action === undefined) return handler(command, callback);
      // STARTTLS acts after its reply: where that is damaged there is nothing left to act on.
      const damaged = action.kind === 'lose' || action.kind === 'cut';
      if (stage === 'starttls' && damaged) return hangUp(connection, action.kind === 'cut' ? '22' : '');
      apply(connection, action).then(
        () => handler(command, callback),
        (error: unknown) => {
          if (!(error instanceof Refusal)) return;
          connection.send(error.responseCode, error.message);
          callback();
        },
      );
    };
  }
}

/**
 * Does what comes before a step, and sets up what will hit its reply. Rejects with a Refusal that is to be the reply,
 * or with Abandoned when the connection is over.
 */
export async function apply(connection: SmtpConnection, action: FaultAction | undefined): Promise<void> {
  switch (action?.kind) {
    case undefined:
      return;
    case 'reply':
      throw new Refusal(action.code, action.text);
    case 'drop':
      hangUp(connection);
      throw new Abandoned();
    case 'stall':
      return await pause(connection, Number.POSITIVE_INFINITY);
    case 'slow':
      return await pause(connection, action.milliseconds);
    case 'lose':
      onReply(connection, () => hangUp(connection));
      return;
    case 'cut':
      onReply(connection, (_send, code, data) => {
        const lines = Array.isArray(data) ? data : [];
        hangUp(
          connection,
          lines.length > 1
            ? `${code}-${lines[0]}\r\n${code}-${lines[1]?.slice(0, 3)}`
            : `${code}`.slice(0, 2),
        );
      });
      return;
    case 'hide':
      onReply(connection, (send, code, data, context) => {
        const shown = (line: string): boolean => !action.keywords.includes(line.split(' ')[0] ?? '');
        send(code, Array.isArray(data) ? data.filter(shown) : data, context);
      });
      return;
    case 'refuse':
      return; // POP3 only: the grammar does not let it come here
  }
}

/** Ends the connection; `last` still goes out before. */
export function hangUp(connection: SmtpConnection, last = ''): void {
  if (last !== '') connection._socket.write(last);
  connection.close();
}

type Send = SmtpConnection['send'];

/** Takes the place of `send` for the next reply. */
function onReply(connection: SmtpConnection, act: (send: Send, ...reply: Parameters<Send>) => void): void {
  const send = connection.send;
  connection.send = (...reply) => {
    connection.send = send;
    act(send.bind(connection), ...reply);
  };
}

/** Waits; rejects with Abandoned when the client leaves meanwhile. */
async function pause(connection: SmtpConnection, milliseconds: number): Promise<void> {
  const socket = connection._socket;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      socket.off('close', done);
      resolve();
    };
    const timer = setTimeout(done, Math.min(milliseconds, 2 ** 31 - 1));
    socket.on('close', done);
  });
  if (socket.destroyed) throw new Abandoned();
}
