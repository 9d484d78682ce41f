import type { Io } from './io.ts';
import { toTerminalLine } from './terminal.ts';

/** Shown to a person who waits: never in a pipe, with `-q`, in CI, or for what is over within a second. */
export interface Progress {
  /** Octets (or items) done so far, of all. */
  update(done: number): void;
  /** Takes the bar away. Call it before anything else is written, and always. */
  finish(): void;
}

export interface ProgressOptions {
  readonly label: string;
  /** Absent: not known, and no percentage is shown. A server's word for it may be wrong, also too small. */
  readonly total?: number | undefined;
  readonly unit?: 'octets' | 'messages';
}

const PATIENCE_MS = 1_000;
const BAR_WIDTH = 24;
export const NO_PROGRESS: Progress = { update: () => undefined, finish: () => undefined };

/** A bar on the terminal of standard error that appears after a second, or nothing where nobody looks. */
export function startProgress(io: Io, options: ProgressOptions): Progress {
  const { terminal } = io.stderr;
  if (terminal === undefined || io.env['TERM'] === 'dumb' || (io.env['CI'] ?? '') !== '') return NO_PROGRESS;
  const started = performance.now();
  let done = 0;
  let over = false;
  let bar: { update(value: number): void; stop(): void } | undefined;
  const timer = setTimeout(async () => {
    const { SingleBar } = (await import('cli-progress')).default;
    if (over) return;
    const drawn = new SingleBar({
      stream: terminal,
      clearOnComplete: true,
      hideCursor: true,
      fps: 5,
      gracefulExit: false,
      format: () =>
        progressLine(options, done, performance.now() - started).slice(
          0,
          Math.max(1, (terminal.columns || 80) - 1),
        ),
    });
    drawn.start(options.total ?? 0, done);
    bar = drawn;
  }, PATIENCE_MS);
  timer.unref();
  return {
    update: (value) => {
      done = value;
      bar?.update(value);
    },
    finish: () => {
      over = true;
      clearTimeout(timer);
      bar?.stop();
      bar = undefined;
    },
  };
}

/** What stands on the terminal: label, bar, percentage, amount, rate and time left, as far as they are known. */
export function progressLine(options: ProgressOptions, done: number, elapsedMs: number): string {
  const { total, unit = 'octets' } = options;
  const amount = unit === 'octets' ? octets : (count: number) => String(Math.round(count));
  const rate = elapsedMs > 0 ? (done * 1000) / elapsedMs : 0;
  const speed = `${amount(rate)}/s`;
  const label = toTerminalLine(options.label);
  if (total === undefined || total <= 0) return `${label} ${amount(done)}, ${speed}`;
  const share = Math.min(1, done / total);
  const full = Math.round(share * BAR_WIDTH);
  const bar = '█'.repeat(full) + '░'.repeat(BAR_WIDTH - full);
  const left = rate > 0 && done < total ? `, ${duration((total - done) / rate)} left` : '';
  return `${label} ${bar} ${Math.floor(share * 100)}% of ${amount(total)}, ${speed}${left}`;
}

/** `12.3 MB`: powers of ten, as disks are sold and networks measured. */
export function octets(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = count;
  let at = 0;
  while (value >= 999.5 && at < units.length - 1) {
    value /= 1000;
    at += 1;
  }
  return `${at === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${units[at]}`;
}

/** `8 s`, `2 min 5 s`, `3 h 20 min`. */
export function duration(seconds: number): string {
  const whole = Math.max(1, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
