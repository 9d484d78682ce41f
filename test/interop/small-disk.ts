import { execFileSync } from 'node:child_process';
import { workspace } from './command.ts';

export interface SmallDisk extends Disposable {
  readonly path: string;
  /** Gives it another size; what is on it stays. */
  resize(kilobytes: number): void;
}

/** Why there can be no small disks here; undefined: there can. */
export function whyNoSmallDisks(): string | undefined {
  try {
    smallDisk(64)[Symbol.dispose]();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** A file system in memory of that size, which is full when it is full; mounting it needs root. */
export function smallDisk(kilobytes: number): SmallDisk {
  const { path, remove } = workspace();
  const mount = (size: number, ...options: string[]) =>
    execFileSync(
      'mount',
      ['-t', 'tmpfs', '-o', [`size=${size}k`, 'mode=700', ...options].join(), 'mailtool', path],
      {
        stdio: 'pipe',
      },
    );
  try {
    mount(kilobytes);
  } catch (error) {
    remove();
    throw error;
  }
  return {
    path,
    resize: (size) => mount(size, 'remount'),
    [Symbol.dispose]: () => {
      execFileSync('umount', [path], { stdio: 'pipe' });
      remove();
    },
  };
}
