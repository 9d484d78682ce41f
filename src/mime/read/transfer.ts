import { decodeBase64Tolerant } from '../../codec/base64.ts';
import { decodeQuotedPrintable } from '../../codec/quoted-printable.ts';
import type { Warnings } from './warnings.ts';

/** The octets of a body (RFC 2045 6); of one in an unknown encoding, as they came. Never throws. */
export function decodeTransfer(body: Uint8Array, encoding: string, warnings: Warnings): Uint8Array {
  if (encoding === 'base64') return decodeBase64Tolerant(body);
  if (encoding === 'quoted-printable') return decodeQuotedPrintable(body);
  if (!/^(?:[78]-?bit|binary|)$/.test(encoding))
    warnings.add('a part has an unknown transfer encoding: its octets are as they came');
  return body;
}
