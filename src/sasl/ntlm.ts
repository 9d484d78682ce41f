import { createHmac, randomBytes } from 'node:crypto';
import { AuthenticationError } from '../errors.ts';
import { md4 } from './md4.ts';
import type { Mechanism } from './mechanism.ts';

const SIGNATURE = Buffer.from('NTLMSSP\0', 'latin1');
/** Unicode, request target, NTLM, always sign, extended session security, target info (MS-NLMP 2.2.2.5). */
const FLAGS = 0x0088_8205 >>> 0;
/** AV_PAIR identifiers (MS-NLMP 2.2.2.1). */
const TIMESTAMP = 7;
const END_OF_LIST = 0;
/** 100 ns intervals between 1601 and 1970. */
const EPOCH_OFFSET = 116_444_736_000_000_000n;

/**
 * NTLM (MS-NLMP) with NTLMv2 responses only, and only when asked for by name: its hashes are broken, and a stolen one is as
 * good as the password. A user name may be `DOMAIN\user`.
 */
export const ntlm: Mechanism = {
  name: 'NTLM',
  cleartext: false,
  proof: 'password',
  byNameOnly: true,
  *start({ username, password = '' }) {
    const challenge = readChallenge(yield negotiate());
    const slash = username.indexOf('\\');
    const domain = slash === -1 ? '' : username.slice(0, slash);
    const user = username.slice(slash + 1);
    return answer(
      challenge,
      user,
      domain,
      password,
      randomBytes(8),
      BigInt(Date.now()) * 10_000n + EPOCH_OFFSET,
    );
  },
};

function negotiate(): Buffer {
  const message = Buffer.alloc(32);
  SIGNATURE.copy(message);
  message.writeUInt32LE(1, 8);
  message.writeUInt32LE(FLAGS, 12);
  return message;
}

export interface NtlmChallenge {
  readonly nonce: Buffer;
  readonly targetInfo: Buffer;
}

function readChallenge(bytes: Uint8Array): NtlmChallenge {
  const message = Buffer.from(bytes);
  const length = message.length >= 48 ? message.readUInt16LE(40) : 0;
  const offset = message.length >= 48 ? message.readUInt32LE(44) : 0;
  const complete =
    message.length >= 48 && message.subarray(0, 8).equals(SIGNATURE) && message.readUInt32LE(8) === 2;
  if (!complete || offset + length > message.length) {
    throw new AuthenticationError('NTLM: the server’s challenge is not one', 'NTLM', {
      permanent: true,
      connectionUsable: false,
    });
  }
  return { nonce: message.subarray(24, 32), targetInfo: message.subarray(offset, offset + length) };
}

const utf16 = (text: string) => Buffer.from(text, 'utf16le');
const hmac = (key: Uint8Array, ...data: Uint8Array[]) =>
  createHmac('md5', key).update(Buffer.concat(data)).digest();

/** NTOWFv2 of MS-NLMP 3.3.2. */
export function ntlmV2Key(user: string, domain: string, password: string): Buffer {
  return hmac(md4(utf16(password)), utf16(user.toUpperCase() + domain));
}

/** The NTLMv2 response: the proof and the blob it is a proof of (MS-NLMP 3.3.2). */
export function ntlmV2Response(
  key: Buffer,
  { nonce, targetInfo }: NtlmChallenge,
  clientNonce: Buffer,
  time: bigint,
): Buffer {
  const head = Buffer.alloc(28);
  head.writeUInt16LE(0x0101, 0);
  head.writeBigUInt64LE(serverTime(targetInfo) ?? time, 8);
  clientNonce.copy(head, 16);
  const blob = Buffer.concat([head, targetInfo, Buffer.alloc(4)]);
  return Buffer.concat([hmac(key, nonce, blob), blob]);
}

/** The time the server gives among its pairs, which the response then has to repeat. */
function serverTime(targetInfo: Buffer): bigint | undefined {
  for (let at = 0; at + 4 <= targetInfo.length; ) {
    const id = targetInfo.readUInt16LE(at);
    const length = targetInfo.readUInt16LE(at + 2);
    if (id === END_OF_LIST) return undefined;
    if (id === TIMESTAMP && length === 8 && at + 12 <= targetInfo.length)
      return targetInfo.readBigUInt64LE(at + 4);
    at += 4 + length;
  }
  return undefined;
}

function answer(
  challenge: NtlmChallenge,
  user: string,
  domain: string,
  password: string,
  clientNonce: Buffer,
  time: bigint,
): Buffer {
  const key = ntlmV2Key(user, domain, password);
  const ntResponse = ntlmV2Response(key, challenge, clientNonce, time);
  const lmResponse = Buffer.concat([hmac(key, challenge.nonce, clientNonce), clientNonce]);
  const fields = [lmResponse, ntResponse, utf16(domain), utf16(user), utf16(''), Buffer.alloc(0)];
  const head = Buffer.alloc(64);
  SIGNATURE.copy(head);
  head.writeUInt32LE(3, 8);
  let offset = head.length;
  for (const [index, field] of fields.entries()) {
    head.writeUInt16LE(field.length, 12 + index * 8);
    head.writeUInt16LE(field.length, 14 + index * 8);
    head.writeUInt32LE(offset, 16 + index * 8);
    offset += field.length;
  }
  head.writeUInt32LE(FLAGS, 60);
  return Buffer.concat([head, ...fields]);
}
