import { generate } from 'selfsigned';

export interface TestCertificate {
  readonly key: string;
  readonly cert: string;
}

const made = new Map<string, Promise<TestCertificate>>();

/** A throw-away self-signed certificate for `name`, and for 127.0.0.1 when that is localhost. */
export function certificateFor(name = 'localhost'): Promise<TestCertificate> {
  const known = made.get(name);
  if (known !== undefined) return known;
  const altNames = [
    { type: 2 as const, value: name },
    ...(name === 'localhost' ? [{ type: 7 as const, ip: '127.0.0.1' }] : []),
  ];
  const fresh = generate([{ name: 'commonName', value: name }], {
    keyType: 'ec',
    extensions: [{ name: 'subjectAltName', altNames }],
  } as Parameters<typeof generate>[1]).then(({ private: key, cert }) => ({ key, cert }));
  made.set(name, fresh);
  return fresh;
}
