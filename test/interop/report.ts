import { existsSync } from 'node:fs';

/**
 * Vitest global setup: says in one line when the interop servers are absent,
 * and fails the whole run when they were promised (`MAILTOOL_INTEROP_REQUIRED=1`).
 */
export default function setup(): void {
  const description = process.env['MAILTOOL_INTEROP'];
  if (description !== undefined && existsSync(description)) return;
  const why =
    description === undefined || description === ''
      ? 'MAILTOOL_INTEROP is not set'
      : `${description} is not there`;
  if (process.env['MAILTOOL_INTEROP_REQUIRED'] === '1') {
    throw new Error(`the interop tests are required, but ${why}`);
  }
  process.stdout.write(
    `interop tests skipped: ${why}; run .ci/run to start Postfix and Dovecot and include them\n`,
  );
}
