export { Exec, type ExecOptions } from './exec.ts';
export { Folder } from './folder.ts';
export {
  type Comparison,
  type Entry,
  Journal,
  type JournalOptions,
  type MessageState,
  SET_ASIDE_AFTER,
} from './journal.ts';
export { type Incoming, type Kept, keep } from './keep.ts';
export { Lock, type LockOptions } from './lock.ts';
export { type FiledMessage, type MailFiles, openMailFiles, openStream } from './mail-files.ts';
export { type FilesOptions, Maildir } from './maildir.ts';
export { Mbox, type MboxOptions } from './mbox.ts';
export { type AccountKey, type MessageId, MessageNames, numbered } from './names.ts';
export { stateDirectory, stateFiles } from './state.ts';
export type { Delivered, Outcome, Store } from './store.ts';
