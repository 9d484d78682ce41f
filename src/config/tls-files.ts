/** The files that TLS needs: authorities, a client certificate and its key. */
import { promises as fs } from 'node:fs';
import { homedir, platform } from 'node:os';
import { ConfigError } from '../errors.ts';
import { readAtMost, reasonOf, refusePipe } from './env-files.ts';
import { quote } from './values.ts';

/** A file, and where it was named. */
export interface NamedFile {
  readonly path: string;
  readonly place: string;
}

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

/** The largest bundle in use has about 250 KB. */
const MAX_PEM = 4 * 1024 * 1024;

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

async function readPem(
  { path, place }: NamedFile,
  label: 'CERTIFICATE' | 'PRIVATE KEY',
  io?: { warn(text: string): void },
): Promise<string> {
  let bytes: Buffer | undefined;
  try {
    const name = path.startsWith('~/') ? homedir() + path.slice(1) : path;
    await refusePipe(name);
    const file = await fs.open(name, 'r');
    try {
      const { mode } = await file.stat();
      if (io !== undefined && (mode & 0o077) !== 0 && platform() !== 'win32') {
        io.warn(`${place}: other users may read or change the key in ${quote(path)}: chmod 600 it`);
      }
      bytes = await readAtMost(file, MAX_PEM);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new ConfigError(`${place}: cannot read ${quote(path)}: ${reasonOf(error)}`, { stage: 'config' });
  }
  if (bytes === undefined) {
    throw new ConfigError(`${place}: ${quote(path)} is larger than ${MAX_PEM} bytes`, { stage: 'config' });
  }
  const text = bytes.toString('latin1');
  if (!new RegExp(`-----BEGIN (?:[A-Z0-9]+ ){0,3}${label}-----`).test(text)) {
    throw new ConfigError(`${place}: ${quote(path)} has no ${label.toLowerCase()} in PEM form`, {
      stage: 'config',
    });
  }
  return text;
}
