import type { Reporter, TestCase } from 'vitest/node';

/** Tells why a test needed another try: one that passes in the end is not to hide a fault that comes now and then. */
export default class implements Reporter {
  onTestCaseResult(test: TestCase): void {
    if (!test.diagnostic()?.flaky) return;
    for (const { message, diff, stack } of test.result().errors ?? [])
      console.log(`\ntried again: ${test.fullName}\n${message}\n${diff ?? ''}\n${stack ?? ''}`);
  }
}
