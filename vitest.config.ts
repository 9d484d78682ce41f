import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    // Thousands of sockets on a shared machine: the report names what needed its second try, and says why.
    retry: process.env['CI'] === 'true' ? 1 : 0,
    reporters: ['default', './test/retried.ts'],
    globalSetup: ['test/interop/report.ts'],
  },
});
