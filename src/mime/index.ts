export { type Mailbox, parseAddressList, wireAddress } from './address.ts';
export { type Attachment, type AttachmentOptions, bytesAttachment, fileAttachment } from './attachment.ts';
export { type Composed, compose, type Draft, envelopeOf } from './compose.ts';
export type { DkimSigner } from './dkim/key.ts';
export {
  type Signable,
  type SignedAs,
  type SignedMessage,
  type SigningOptions,
  signed,
} from './dkim/signed.ts';
export { decodeWords } from './encoded-word.ts';
export type { Uniqueness } from './ids.ts';
export { type RawMessage, rawMessage } from './raw.ts';
export {
  fieldValue,
  type HeaderField,
  parseHeader,
  readAddresses,
  readDate,
  readText,
} from './read-header.ts';
export { bytesSource, type Source } from './source.ts';
