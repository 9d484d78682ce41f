/** The files that TLS needs: authorities, a client certificate and its key. */
import { ConfigError } from '../errors.ts';
import { type NamedFile, readPem } from './pem-file.ts';

export type TlsVersion = '1.0' | '1.1' | '1.2' | '1.3';

/** TLS as the settings have it. */
export interface TlsFiles {
  /** The path `system` stands for the authorities of this machine. */
  readonly ca?: NamedFile;
  readonly cert?: NamedFile;
  readonly key?: NamedFile;
  /** 64 lower-case hexadecimal digits. */
  readonly fingerprint?: string;
  /** SHA-256 of public keys, base64. */
  readonly pins?: readonly string[];
  readonly minVersion?: TlsVersion;
  readonly insecure?: boolean;
}

/** TLS with the files' PEM text, as the network layer takes it. */
export interface TlsMaterial {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly fingerprint?: string;
  readonly pins?: readonly string[];
  readonly minVersion?: TlsVersion;
  readonly insecure?: boolean;
}

/** Where systems keep their authorities: Debian and Arch, Fedora, openSUSE, Alpine and macOS, FreeBSD. */
const SYSTEM_BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
  '/usr/local/share/certs/ca-root-nss.crt',
] as const;

/** Reads the files. ConfigError when one is not there or is not PEM; a key that others may read is warned of. */
export async function readTlsFiles(
  { ca: caFile, cert: certFile, key: keyFile, ...rest }: TlsFiles,
  io: { warn(text: string): void; readonly systemBundles?: readonly string[] },
): Promise<TlsMaterial> {
  const [ca, cert, key] = await Promise.all([
    caFile === undefined ? undefined : authorities(caFile, io.systemBundles ?? SYSTEM_BUNDLES),
    certFile === undefined ? undefined : readPem(certFile, 'CERTIFICATE'),
    keyFile === undefined ? undefined : readPem(keyFile, 'PRIVATE KEY', io),
  ]);
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...rest,
  };
}

async function authorities(file: NamedFile, bundles: readonly string[]): Promise<string> {
  if (file.path !== 'system') return readPem(file, 'CERTIFICATE');
  for (const path of bundles) {
    try {
      return await readPem({ path, place: file.place }, 'CERTIFICATE');
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
    }
  }
  throw new ConfigError(`${file.place}: the authorities of this system were not found`, {
    stage: 'config',
    hint: 'name their PEM file with --tls-ca, or leave it out for the built-in ones',
  });
}
