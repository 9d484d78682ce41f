/** Where the DER element at `at` has its content and its end; reading past the buffer gives zeros, and finds nothing known. */
export function element(der: Buffer, at: number): { readonly content: number; readonly end: number } {
  const first = der[at + 1] ?? 0;
  if (first < 0x80) return { content: at + 2, end: at + 2 + first };
  let length = 0;
  for (let index = 0; index < (first & 0x7f); index++) length = length * 256 + (der[at + 2 + index] ?? 0);
  const content = at + 2 + (first & 0x7f);
  return { content, end: content + length };
}

/** The context-specific tag 0, which a certificate's version has, where it is there. */
const VERSION_TAG = 0xa0;

/** The SubjectPublicKeyInfo of a certificate, as it stands there (RFC 5280 4.1). */
export function publicKeyInfo(certificate: Buffer): Buffer {
  const signed = element(certificate, element(certificate, 0).content);
  let at = signed.content;
  if (certificate[at] === VERSION_TAG) at = element(certificate, at).end;
  // serialNumber, signature, issuer, validity, subject
  for (let before = 0; before < 5; before++) at = element(certificate, at).end;
  return certificate.subarray(at, element(certificate, at).end);
}
