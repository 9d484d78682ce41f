import type { Interop } from '../test/interop/servers.ts';

export interface Measurement {
  readonly peakMb: number;
  readonly seconds: number;
}

/** Sizes are in octets; `retrieved` is the size of the whole message as it was written to a file. */
export function measureMemory(
  servers: Interop,
  sizes: readonly number[],
): Promise<
  {
    readonly size: number;
    readonly send: Measurement;
    readonly retr: Measurement;
    readonly retrieved: number;
  }[]
>;

export function run(): Promise<void>;
