import { type ChildProcess, spawn } from 'node:child_process';

/** How a command ended. Its output is only in `done`. */
export type Ended =
  | { readonly how: 'done'; readonly output: Buffer }
  | { readonly how: 'failed'; readonly reason: string }
  | { readonly how: 'not-started'; readonly error: unknown }
  | { readonly how: 'timeout' | 'too-long' | 'aborted' };

export interface RunLimits {
  /** Octets of output. */
  readonly limit: number;
  readonly timeoutMs: number;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly stderr?: (chunk: Uint8Array) => void;
  readonly signal?: AbortSignal;
}

/**
 * Runs `command` (an array as it is, a string through the shell) without input, and resolves with how it ended: never
 * rejects, never waits longer than `timeoutMs`, and leaves nothing of it that it could end.
 */
export function runForOutput(command: string | readonly string[], limits: RunLimits): Promise<Ended> {
  const [program = '', ...args] = typeof command === 'string' ? [command] : command;
  return new Promise((resolve) => {
    let child: ChildProcess;
    try {
      child = spawn(program, args, {
        shell: typeof command === 'string',
        // Standard input may be a message that somebody else still wants to read.
        stdio: ['ignore', 'pipe', limits.stderr === undefined ? 'inherit' : 'pipe'],
        ...(limits.env === undefined ? {} : { env: { ...limits.env } }),
      });
    } catch (error) {
      resolve({ how: 'not-started', error });
      return;
    }
    const chunks: Buffer[] = [];
    let size = 0;
    const timer = setTimeout(() => stop({ how: 'timeout' }), limits.timeoutMs);
    const onAbort = () => stop({ how: 'aborted' });
    limits.signal?.addEventListener('abort', onAbort, { once: true });

    function finish(ended: Ended): void {
      clearTimeout(timer);
      limits.signal?.removeEventListener('abort', onAbort);
      resolve(ended);
    }
    function stop(ended: Ended): void {
      child.kill('SIGKILL');
      // Something that the command started may still hold the pipes; nobody waits for it.
      child.stdout?.destroy();
      child.stderr?.destroy();
      child.unref();
      finish(ended);
    }

    child.on('error', (error) => finish({ how: 'not-started', error }));
    child.stderr?.on('data', (chunk: Buffer) => limits.stderr?.(chunk));
    child.stdout?.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > limits.limit) stop({ how: 'too-long' });
      else chunks.push(chunk);
    });
    child.on('close', (code, signal) => {
      if (code === 0) finish({ how: 'done', output: Buffer.concat(chunks) });
      else finish({ how: 'failed', reason: code === null ? `signal ${signal}` : `exit code ${code}` });
    });
  });
}
