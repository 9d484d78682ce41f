import { spawnSync } from 'node:child_process';
import { createPublicKey, type KeyObject } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { run } from './command.ts';

/** The system's own Python: its modules are those of the packages that .ci/run installs. */
const PYTHON = '/usr/bin/python3';

/** Whether dkimpy, with what it needs for Ed25519, is there; required where the other programs are. */
export function hasDkimpy(): boolean {
  if ((process.env['MAILTOOL_INTEROP'] ?? '') !== '') return true;
  return spawnSync(PYTHON, ['-c', 'import dkim, nacl']).status === 0;
}

/** What is published of a key (RFC 6376 3.6.1, RFC 8463 4). */
export function keyRecord(key: KeyObject): string {
  const der = createPublicKey(key).export({ format: 'der', type: 'spki' });
  // RFC 8410 4: the last 32 octets are the key itself.
  return key.asymmetricKeyType === 'ed25519'
    ? `v=DKIM1; k=ed25519; p=${der.subarray(-32).toString('base64')}`
    : `v=DKIM1; k=rsa; p=${der.toString('base64')}`;
}

/** For each of the first `signatures` of a message: true, false, or what was wrong with it. */
export async function dkimpyVerifies(
  message: Uint8Array,
  signatures: number,
  records: Readonly<Record<string, string>>,
): Promise<(boolean | string)[]> {
  const outcome = await run(PYTHON, [fileURLToPath(new URL('verify_dkim.py', import.meta.url))], {
    stdin: JSON.stringify({ message: Buffer.from(message).toString('base64'), signatures, records }),
  });
  if (outcome.status !== 0) throw new Error(outcome.stderr);
  return JSON.parse(outcome.stdout.toString('utf8')) as (boolean | string)[];
}
