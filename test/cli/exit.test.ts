import { describe, expect, it } from 'vitest';
import { EXIT_MEANINGS, exitOfError, exitOfReceipt } from '../../src/cli/exit.ts';
import {
  AuthenticationError,
  ConfigError,
  ConnectionError,
  DataError,
  InputError,
  InterruptedError,
  LockedError,
  ProtocolError,
  RecipientsError,
  RejectedError,
  StorageError,
  TimeoutError,
  TlsError,
  UnsupportedError,
  UsageError,
} from '../../src/errors.ts';

const at = { host: 'mx.example.org', port: 25 };
const doubt = { delivery: 'in-doubt', stage: 'eod' } as const;

describe('exitOfError', () => {
  it.each([
    ['a bad flag', new UsageError('x'), 64],
    ['a broken address', new DataError('x'), 65],
    ['a missing file', new InputError('x'), 66],
    ['nobody accepted, for good', new RecipientsError('x', new Map(), true), 67],
    ['nobody accepted, for now', new RecipientsError('x', new Map(), false), 75],
    ['an unknown host', new ConnectionError('x', { phase: 'dns', ...at }), 68],
    ['a refusal for good', new RejectedError('x', { permanent: true }), 69],
    ['a refusal for now', new RejectedError('x', { permanent: false }), 75],
    ['an extension that is missing', new UnsupportedError('x', 'SMTPUTF8'), 69],
    ['a message too large for the server', new UnsupportedError('x', 'SIZE'), 69],
    ['an error of our own', new TypeError('x'), 70],
    ['something thrown that is no error', 'x', 70],
    ['a file that cannot be created', new StorageError('x', { path: 'p', step: 'open' }), 73],
    ['a file that cannot be written', new StorageError('x', { path: 'p', step: 'write' }), 74],
    ['a command that says later', new StorageError('x', { path: 'p', step: 'exec' }), 75],
    ['a command that says no', new StorageError('x', { path: 'p', step: 'exec' }, { retryable: false }), 74],
    ['a lock of somebody else', new LockedError('x', 'p', 'process 1'), 75],
    ['a file that cannot be made durable', new StorageError('x', { path: 'p', step: 'fsync' }), 74],
    ['a refused connection', new ConnectionError('x', { phase: 'connect', ...at }), 75],
    ['a connection that broke', new ConnectionError('x', { phase: 'established', ...at }), 75],
    ['silence', new TimeoutError('x', { phase: 'established', ...at }), 75],
    ['a failed handshake', new TlsError('x'), 76],
    ['a reply that is none', new ProtocolError('x'), 76],
    ['a wrong password', new AuthenticationError('x', 'PLAIN', { permanent: true }), 77],
    ['a log-in refused for now', new AuthenticationError('x', 'PLAIN', { permanent: false }), 75],
    ['a missing setting', new ConfigError('x'), 78],
    ['a lost reply to the final dot', new ConnectionError('x', { phase: 'established', ...at }, doubt), 79],
    ['silence after the final dot', new TimeoutError('x', { phase: 'established', ...at }, doubt), 79],
    ['rubbish after the final dot', new ProtocolError('x', doubt), 79],
    ['an interruption after the final dot', new InterruptedError('x', doubt), 79],
    ['an interruption', new InterruptedError('x'), 130],
  ])('%s', (_, error, exit) => {
    expect(exitOfError(error)).toBe(exit);
    expect(EXIT_MEANINGS.map(([code]) => code)).toContain(exit);
  });

  it('tells SIGTERM from SIGINT', () => {
    expect(exitOfError(new InterruptedError('x'), 'SIGINT')).toBe(130);
    expect(exitOfError(new InterruptedError('x'), 'SIGTERM')).toBe(143);
  });

  it('gives 75 to nothing that must not be repeated', () => {
    for (const error of [
      new RejectedError('x', { permanent: false }, doubt),
      new TimeoutError('x', { phase: 'connect', ...at }, doubt),
    ]) {
      expect(error.retryable).toBe(false);
      expect(exitOfError(error)).toBe(79);
    }
  });
});

describe('exitOfReceipt', () => {
  it.each([
    ['everybody gets it', [], 0],
    ['one does not', ['b@example.org'], 67],
  ])('%s', (_, rejected, exit) => {
    expect(exitOfReceipt({ rejected: new Map(rejected.map((path) => [path, {}])) })).toBe(exit);
  });
});
