/** What a transcript shows in place of a secret of `octets` octets. */
export function redacted(octets: number): string {
  return `[redacted ${octets} bytes]`;
}

/**
 * A line with a SASL challenge, as a transcript shows it. What a server proves itself with (SCRAM's `v=`, DIGEST-MD5's
 * `rspauth=`) is made from the password: whoever has the challenges beside it can try passwords at leisure.
 */
export function withoutChallenge(line: string): string {
  return line.replace(/^(334[ -]|\+ )(.+)$/s, (_, start: string, challenge: string) => {
    return `${start}${redacted(challenge.length)}`;
  });
}
