export type { Capabilities, Limits } from './capabilities.ts';
export { SmtpClient } from './client.ts';
export type { Receipt } from './deliver.ts';
export type { Envelope, Message, ServerTakes } from './envelope.ts';
export type { DsnCondition, Wishes } from './extensions/index.ts';
export type { SendOptions, SmtpOptions, SmtpTimings } from './options.ts';
export { type PoolOptions, SmtpPool } from './pool.ts';
export { detailOf, replyLine, type SmtpReply } from './reply.ts';
export type { MailProtocol } from './session.ts';
