export type { Capabilities } from './capabilities.ts';
export { type SendOptions, SmtpClient, type SmtpOptions, type SmtpTimings } from './client.ts';
export type { Receipt } from './deliver.ts';
export type { Envelope, Message, ServerTakes } from './envelope.ts';
export type { DsnCondition, Wishes } from './extensions/index.ts';
export { type PoolOptions, SmtpPool } from './pool.ts';
export { detailOf, replyLine, type SmtpReply } from './reply.ts';
export type { MailProtocol } from './session.ts';
