import { type Disk, disk as realDisk } from './disk.ts';
import { step } from './failure.ts';
import { type FilesOptions, makeDirectories } from './maildir.ts';
import { MessageFiles, sweep, unfit } from './message-files.ts';
import { hostPart } from './names.ts';
import { ownerPart } from './processes.ts';

/** A directory of .eml files: the octets of each message as the server sent them, named by when they came. */
export class Folder extends MessageFiles {
  readonly path: string;

  private constructor(path: string, disk: Disk, now: () => number) {
    const host = hostPart();
    super(disk, {
      // The same directory, so that a link cannot cross file systems; the dot hides it from whoever takes all of them.
      temporary: path,
      target: path,
      searched: [path],
      fileName: (name) => `${basicTime(now())}-${name}.eml`,
      temporaryName: (name) => `.tmp.${ownerPart()}-${name}.${host}`,
    });
    this.path = path;
  }

  /** Makes the directory where it is missing, for its owner only. */
  static async open(
    path: string,
    { prefix, disk = realDisk, now = Date.now }: FilesOptions,
  ): Promise<Folder> {
    const there = step(path, 'stat', () => disk.stat(path));
    if (there === undefined) await makeDirectories(disk, path);
    else if (!there.isDirectory()) throw unfit(path, 'is no directory', 'name another one');
    sweep(disk, path, { prefix, host: hostPart(), others: false, now: now() });
    return new Folder(path, disk, now);
  }
}

/** `20261121T085300Z`: ISO 8601 without what file systems dislike. */
function basicTime(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;
}
