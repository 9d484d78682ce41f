import { expect, it } from 'vitest';
import { measureMemory } from '../../bench/memory.mjs';
import { describeInterop } from './servers.ts';

const MB = 1024 * 1024;

describeInterop('peak memory', (servers) => {
  // A peak depends on when the collector came by; a leak, or a message held in memory, shows in every run.
  it('grows by at most 20 MB from a message of 1 MB to one of 200 MB, either way', {
    retry: 2,
    timeout: 300_000,
  }, async () => {
    const [small, large] = await measureMemory(servers, [MB, 200 * MB]);
    if (small === undefined || large === undefined) throw new Error('two measurements are needed');
    expect(large.retrieved).toBeGreaterThan(200 * MB * (4 / 3));
    expect(large.send.peakMb - small.send.peakMb).toBeLessThanOrEqual(20);
    expect(large.retr.peakMb - small.retr.peakMb).toBeLessThanOrEqual(20);
  });
});
