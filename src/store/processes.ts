import { readFileSync, readlinkSync } from 'node:fs';
import { kill, pid } from 'node:process';
import { codeOf } from './disk.ts';

export { pid };

/** Whether there is a process of this number here, whoever owns it. */
export function isRunning(process: number): boolean {
  try {
    return kill(process, 0);
  } catch (error) {
    return codeOf(error) !== 'ESRCH';
  }
}

/** Sends `signal` to a process that leads a group, and to all of that group. False: there is none any more. */
export function signalGroup(leader: number, signal: 'SIGTERM' | 'SIGKILL'): boolean {
  try {
    return kill(-leader, signal);
  } catch {
    return false;
  }
}

/** What makes process numbers comparable: this start of the machine, and this space of numbers; empty where nothing tells. */
export function processSpace(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`.replaceAll(' ', '/');
  } catch {
    return '';
  }
}

/** When the process began, in the kernel's ticks, as numbers are used again; empty where that cannot be known. */
export function beginningOf(process: number): string {
  try {
    const text = readFileSync(`/proc/${process}/stat`, 'latin1');
    // The name in parentheses may hold anything, parentheses too.
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

let count = 0;
/** It is asked for with every message. */
let ownBeginning: string | undefined;

/** A part of a file name that says whose it is, and is never given twice. */
export function ownerPart(): string {
  count++;
  ownBeginning ??= beginningOf(pid);
  return `P${pid}B${ownBeginning}Q${count}`;
}

/** Whether it was this process that put its `ownerPart` into this file's name. */
export function isOwn(file: string): boolean {
  return file.includes(`P${pid}B${beginningOf(pid)}Q`);
}

/** Whether whoever put its `ownerPart` between dots or dashes into this file's name is at work; undefined: nobody did. */
export function ownerRuns(file: string): boolean | undefined {
  const [, number, beginning] = /\.P(\d+)B(\d*)Q\d+[.-]/.exec(file) ?? [];
  if (number === undefined) return undefined;
  if (!isRunning(Number(number))) return false;
  const now = beginningOf(Number(number));
  return now === beginning || now === '' || beginning === '';
}
