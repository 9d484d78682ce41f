export {
  AuthenticationError,
  ConfigError,
  ConnectionError,
  DataError,
  type Delivery,
  type ErrorCode,
  InputError,
  InterruptedError,
  MailError,
  type PeerCertificate,
  ProtocolError,
  RecipientsError,
  type RecipientsKnown,
  RejectedError,
  type ReplyDetail,
  type Stage,
  StorageError,
  TimeoutError,
  TlsError,
  UnsupportedError,
  UsageError,
} from './errors.ts';
export {
  type Attachment,
  bytesAttachment,
  bytesSource,
  type Composed,
  compose,
  type DkimSigner,
  type Draft,
  envelopeOf,
  fileAttachment,
  type Mailbox,
  parseAddressList,
  type RawMessage,
  rawMessage,
  type SignedMessage,
  type SigningOptions,
  type Source,
  signed,
  type Uniqueness,
} from './mime/index.ts';
export { type ReplyFields, replyFields } from './mime/reply.ts';
export { type Resending, resentMessage } from './mime/resend.ts';
export { Deadline } from './net/deadline.ts';
export type { DialOptions } from './net/options.ts';
export type { ProxyServer } from './net/proxy.ts';
export type { Security, TlsInfo, TlsOptions } from './net/tls.ts';
export { Transcript, type TranscriptEntry } from './net/transcript.ts';
export * from './pop3/index.ts';
export type { Credentials } from './sasl/index.ts';
export {
  type Envelope,
  type Limits,
  type Message,
  type PoolOptions,
  type Receipt,
  type SendOptions,
  type ServerTakes,
  SmtpClient,
  type SmtpOptions,
  SmtpPool,
  type SmtpReply,
} from './smtp/index.ts';
