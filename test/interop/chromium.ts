import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe } from 'vitest';

const CHROMIUM = [
  process.env['MAILTOOL_CHROMIUM'] ?? '',
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
].find((path) => path !== '' && existsSync(path));
const REQUIRED = process.env['MAILTOOL_INTEROP_REQUIRED'] === '1';

/** A browser, and a server at `at` that takes note of what it is asked. */
export interface Started {
  readonly browser: Browser;
  readonly at: string;
  readonly asked: { readonly url: string; readonly referrer: string | undefined }[];
  /** Empty at first, and removed at the end. */
  readonly dir: string;
}

/** `tests` may ask for what is started in their hooks and tests. Without Chromium they fail where interop is required. */
export function describeInBrowser(name: string, tests: (started: () => Started) => void): void {
  // Skipped where no Chromium is installed (Debian: chromium, or MAILTOOL_CHROMIUM): no page can be looked at without one.
  describe.skipIf(CHROMIUM === undefined && !REQUIRED)(name, () => {
    let started: Started | undefined;
    const asked: { readonly url: string; readonly referrer: string | undefined }[] = [];
    const server = createServer((request, response) => {
      asked.push({ url: request.url ?? '', referrer: request.headers.referer });
      response.end();
    });
    beforeAll(async () => {
      const dir = mkdtempSync(join(tmpdir(), 'mailtool-test-'));
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const { chromium } = await import('playwright-core');
      const executablePath = CHROMIUM ?? '/usr/bin/chromium';
      started = {
        browser: await chromium.launch({ executablePath, args: ['--no-sandbox'] }),
        at,
        asked,
        dir,
      };
    });
    afterAll(async () => {
      await started?.browser.close();
      await new Promise((resolve) => server.close(resolve));
      if (started !== undefined) rmSync(started.dir, { recursive: true, force: true });
    });
    tests(() => {
      if (started === undefined) throw new Error('the browser is not started yet');
      return started;
    });
  });
}
