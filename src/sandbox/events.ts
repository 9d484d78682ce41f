import type { Protocol } from './faults.ts';
import type { SandboxMessage } from './maildrop.ts';

/** What happens in a sandbox, as `onEvent` hears of it. Never with a password in it. */
export type SandboxEvent =
  | { readonly type: 'connect' | 'close'; readonly protocol: Protocol }
  | {
      readonly type: 'login';
      readonly protocol: Protocol;
      /** `USER`, `APOP`, or the SASL mechanism. */
      readonly mechanism: string;
      readonly ok: boolean;
    }
  | { readonly type: 'message'; readonly message: SandboxMessage }
  | { readonly type: 'retrieved'; readonly uniqueId: string }
  | { readonly type: 'deleted'; readonly uniqueIds: readonly string[] }
  | { readonly type: 'fault'; readonly protocol: Protocol; readonly fault: string };
