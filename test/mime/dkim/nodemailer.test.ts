import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { createTransport } from 'nodemailer';
import { expect, it } from 'vitest';
import { compose } from '../../../src/mime/compose.ts';
import { signed } from '../../../src/mime/dkim/signed.ts';
import { rawMessage } from '../../../src/mime/raw.ts';
import { bytesSource } from '../../../src/mime/source.ts';
import { collect } from '../../feeds.ts';
import { cases } from '../drafts.ts';
import { RSA_PEM } from './rfc8463.ts';
import { type Verdict, verdicts } from './verifier.ts';

/** The message as nodemailer signs it. */
async function signedByNodemailer(message: Buffer): Promise<Verdict> {
  const transport = createTransport({
    streamTransport: true,
    newline: 'windows',
    dkim: { domainName: 'example.org', keySelector: 's', privateKey: RSA_PEM, cacheDir: false },
  });
  const envelope = { from: 'a@example.org', to: ['b@example.org'] };
  const sent = await transport.sendMail({ envelope, raw: message });
  const made = await buffer(sent.message as NodeJS.ReadableStream);
  const [verdict] = verdicts(made);
  if (verdict === undefined) throw new Error('nodemailer did not sign it');
  return verdict;
}

const signer = { domain: 'example.org', selector: 's', key: RSA_PEM };

async function compare(message: Buffer): Promise<void> {
  const [own] = verdicts(await collect(await signed(await rawMessage(bytesSource(message)), signer)));
  const theirs = await signedByNodemailer(message);
  expect(theirs).toMatchObject({ bodyHolds: true, headerHolds: true });
  expect(own).toMatchObject({ bodyHolds: true, headerHolds: true });
  const { a, c, d, s, bh } = theirs.tags;
  expect(own?.tags).toMatchObject({ a, c, d, s, bh });
}

it('nodemailer signs the same body', async () => {
  await fc.assert(
    fc.asyncProperty(cases, async ({ draft }) => {
      await compare(await collect(await compose({ ...draft, from: { name: '', address: 'a@example.org' } })));
    }),
    { numRuns: 60 },
  );
});

it('nodemailer signs the same body, whatever its blanks and line ends', async () => {
  const text = fc.string({
    unit: fc.constantFrom('\r\n', ' ', '\t', 'a', '.', '\r\n\r\n', 'é'),
    maxLength: 60,
  });
  await fc.assert(
    fc.asyncProperty(text, async (body) => {
      await compare(Buffer.from(`From: a@example.org\r\nSubject:  x \r\n\r\n${body}`));
    }),
    { numRuns: 150 },
  );
});
