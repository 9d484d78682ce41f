import { vi } from 'vitest';

/** Waits until `assertion` holds, at most 20 seconds; fails as it failed last. It does not ask which test is running. */
export async function eventually(assertion: () => void | Promise<void>): Promise<void> {
  await vi.waitFor(assertion, { timeout: 20_000, interval: 20 });
}
