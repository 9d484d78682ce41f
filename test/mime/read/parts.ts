import { type ReadLimits, type ReadMessage, readMessage } from '../../../src/mime/read/index.ts';

/** A message of lines. */
export const lines = (...all: readonly string[]): Buffer => Buffer.from(all.join('\r\n'), 'latin1');

export const read = async (
  message: Buffer | string,
  limits: Partial<ReadLimits> = {},
): Promise<ReadMessage> =>
  readMessage(typeof message === 'string' ? Buffer.from(message) : message, { limits });

/** Numbers and types of the parts. */
export const numbers = ({ parts }: ReadMessage): string[] => parts.map(({ part, type }) => `${part} ${type}`);

/** A multipart of these parts, each with its header. */
export function multipart(type: string, boundary: string, ...parts: readonly string[]): string {
  const body = parts.map((part) => `--${boundary}\r\n${part}\r\n`).join('');
  return `Content-Type: multipart/${type}; boundary="${boundary}"\r\n\r\n${body}--${boundary}--\r\n`;
}

export const plain = (text: string, more = ''): string =>
  `Content-Type: text/plain; charset=utf-8\r\n${more}\r\n${text}`;
export const html = (text: string): string => `Content-Type: text/html; charset=utf-8\r\n\r\n${text}`;
