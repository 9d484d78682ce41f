import { DataError } from '../../errors.ts';
import { type Attachment, fileAttachment } from '../../mime/index.ts';
import type { Context } from '../context.ts';
import type { SendOptionValues } from './options.ts';
import { spoolStdin } from './spool.ts';

/** The attachments of `-A` and `--inline`, opened or spooled. */
export async function attachmentsOf(ctx: Context, options: SendOptionValues): Promise<Attachment[]> {
  const attachments: Attachment[] = [];
  for (const spec of options.attach ?? []) attachments.push(await attachmentOf(ctx, spec));
  for (const spec of options.inline ?? []) {
    const attachment = await attachmentOf(ctx, spec);
    const contentId = attachment.contentId ?? contentIdOf(attachment.filename, attachments);
    attachments.push({ ...attachment, inline: true, contentId });
  }
  refuseAlike(attachments);
  return attachments;
}

/** What HTML calls a file by when nobody says: its name, with a number where another has that already. */
function contentIdOf(filename: string, others: readonly Attachment[]): string {
  const name = filename.replace(/[^\w.-]+/g, '-');
  const isTaken = (id: string) =>
    others.some((other) => other.contentId === id && other.filename !== filename);
  let id = name;
  for (let number = 2; isTaken(id); number++) id = `${number}-${name}`;
  return id;
}

/** RFC 2045 7: a content id is of one part, or the HTML would show one image in place of another. */
function refuseAlike(attachments: readonly Attachment[]): void {
  const seen = new Set<string>();
  for (const { contentId } of attachments) {
    if (contentId === undefined) continue;
    const id = contentId.replace(/^<(.*)>$/s, '$1');
    if (seen.has(id)) {
      throw new DataError(`two attachments have the content id ${JSON.stringify(id)}`, {
        stage: 'compose',
        hint: 'give each its own, --inline FILE;cid=NAME, and name it so in the HTML',
      });
    }
    seen.add(id);
  }
}

async function attachmentOf(ctx: Context, text: string): Promise<Attachment> {
  const { path, name, type, cid } = attachmentSpec(text);
  const given = {
    ...(name === undefined ? {} : { filename: name }),
    ...(type === undefined ? {} : { type }),
    ...(cid === undefined ? {} : { contentId: cid }),
  };
  if (path !== '-') return fileAttachment(path, given);
  const spooled = await spoolStdin(ctx, 'an attachment');
  return { filename: 'stdin', ...given, size: spooled.size, open: () => spooled.open() };
}

/** `path[;name=N][;type=T][;cid=C]`; other semicolons belong to the path, or to the value before them. */
export function attachmentSpec(text: string): { path: string; name?: string; type?: string; cid?: string } {
  const [path = '', ...fields] = text.split(/;(?=(?:name|type|cid)=)/);
  return {
    path,
    ...Object.fromEntries(
      fields.map((field) => [field.slice(0, field.indexOf('=')), field.slice(field.indexOf('=') + 1)]),
    ),
  };
}

/** The flags that want standard input, each as often as it does. */
export function stdinReaders(options: SendOptionValues, passwordFromStdin: boolean): string[] {
  const readers = Object.entries({
    '--smtp-password-stdin': passwordFromStdin ? '-' : undefined,
    '--text-file': options.textFile,
    '--html-file': options.htmlFile,
    '--raw': options.raw,
    '--resend': options.resend,
    '--calendar': options.calendar,
    '--reply-to-message': options.replyToMessage,
  }).flatMap(([flag, path]) => (path === '-' ? [flag] : []));
  const attached = [...(options.attach ?? []), ...(options.inline ?? [])].map(
    (spec) => attachmentSpec(spec).path,
  );
  return [
    ...readers,
    ...(options.forward ?? []).filter((path) => path === '-').map(() => '--forward'),
    ...attached.filter((path) => path === '-').map(() => '--attach'),
  ];
}
