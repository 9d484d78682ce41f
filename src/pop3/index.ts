export type { Capabilities, Policy } from './capabilities.ts';
export { expiry, loginDelay, saslMechanisms } from './capabilities.ts';
export { Pop3Client, type Retrieved } from './client.ts';
export type { Language } from './language.ts';
export type { DropListing, ScanListing, UniqueIdListing } from './listing.ts';
export type { Pop3Options, Pop3Timings } from './opening.ts';
export { type RawAnswer, type RawCommand, rawCommand } from './raw.ts';
