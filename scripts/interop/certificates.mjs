// A throw-away authority and the certificates of the interop servers, made with the openssl command.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const openssl = (...args) => execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });

function authority(directory, name) {
  const key = join(directory, `${name}.key`);
  const cert = join(directory, `${name}.pem`);
  openssl(
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-days',
    '30',
    '-subj',
    `/CN=${name}`,
    '-addext',
    'keyUsage=critical,keyCertSign,cRLSign',
    '-keyout',
    key,
    '-out',
    cert,
  );
  return { key, cert };
}

/** Signs a server certificate; the file holds it and its issuer, as servers send them. */
function issue(directory, issuer, name, subjectAltName) {
  const key = join(directory, `${name}.key`);
  const cert = join(directory, `${name}.pem`);
  const request = join(directory, `${name}.csr`);
  const extensions = join(directory, `${name}.ext`);
  writeFileSync(
    extensions,
    `basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=${subjectAltName}\n`,
  );
  openssl(
    'req',
    '-new',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-subj',
    `/CN=${name}`,
    '-keyout',
    key,
    '-out',
    request,
  );
  openssl(
    'x509',
    '-req',
    '-in',
    request,
    '-CA',
    issuer.cert,
    '-CAkey',
    issuer.key,
    '-CAcreateserial',
    '-days',
    '20',
    '-extfile',
    extensions,
    '-out',
    cert,
  );
  writeFileSync(cert, readFileSync(cert, 'latin1') + readFileSync(issuer.cert, 'latin1'));
  return { key, cert };
}

/**
 * Makes everything under `directory`.
 *
 * - `server`: right name, trusted through `ca`.
 * - `wrongName`: trusted, but for another host.
 * - `untrusted`: right name, signed by an authority that nobody knows.
 * - `client`: a certificate that a client may present.
 */
export function makeCertificates(directory) {
  mkdirSync(directory, { recursive: true });
  const ca = authority(directory, 'mailtool-interop-ca');
  const stranger = authority(directory, 'unknown-ca');
  const names = 'DNS:localhost,DNS:mx.mail.test,IP:127.0.0.1';
  const made = {
    ca: ca.cert,
    server: issue(directory, ca, 'server', names),
    wrongName: issue(directory, ca, 'wrong-name', 'DNS:other.example'),
    untrusted: issue(directory, stranger, 'untrusted', `${names},IP:127.0.0.2`),
    client: issue(directory, ca, 'client', 'email:alice@mail.test'),
  };
  for (const { key } of [made.server, made.wrongName, made.untrusted, made.client]) chmodSync(key, 0o600);
  return made;
}
