import { Pop3Client, type Pop3Options } from '../../src/pop3/index.ts';
import { collect } from '../feeds.ts';

export const PASSWORD = 'Zugang+ß/42';
export const CREDENTIALS = { username: 'ann', password: PASSWORD };

/** A log-in by USER and PASS on a server that lists `capabilities`. */
export const loggedIn = (...capabilities: string[]) => {
  const capa = ['S: +OK list', ...capabilities.map((line) => `S: ${line}`), 'S: .'].join('\n');
  return `
  S: +OK ready
  C: CAPA
  ${capa}
  C: USER ann
  S: +OK
  C: PASS ${PASSWORD}
  S: +OK welcome
  C: CAPA
  ${capa}
`;
};

export const BYE = `
  C: QUIT
  S: +OK bye
  *: end
`;

export function options(port: number, more: Partial<Pop3Options> = {}): Pop3Options {
  return {
    host: '127.0.0.1',
    port,
    security: 'none',
    allowCleartextAuth: true,
    credentials: CREDENTIALS,
    idleTimeoutMs: 2_000,
    ...more,
  };
}

/** Connects, does `work` and leaves by QUIT; a failure closes. */
export async function session<T>(chosen: Pop3Options, work: (client: Pop3Client) => Promise<T>): Promise<T> {
  const client = await Pop3Client.connect(chosen);
  try {
    const result = await work(client);
    await client.quit();
    return result;
  } finally {
    client.close();
  }
}

export async function failureOf(promise: Promise<unknown>): Promise<Error & Record<string, unknown>> {
  try {
    await promise;
  } catch (error) {
    return error as Error & Record<string, unknown>;
  }
  throw new Error('it should have failed');
}

/** What each of several messages became: its octets, or the error's text. */
export async function outcomes(several: ReturnType<Pop3Client['retrs']>): Promise<[number, string][]> {
  const all: [number, string][] = [];
  for await (const { number, bytes, error } of several) {
    all.push([
      number,
      error === undefined ? (await collect(bytes)).toString('latin1') : `! ${error.message}`,
    ]);
  }
  return all;
}
