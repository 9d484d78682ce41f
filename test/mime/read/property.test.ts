import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeLabelled } from '../../../src/mime/charset.ts';
import { compose } from '../../../src/mime/compose.ts';
import { unflow } from '../../../src/mime/read/flowed.ts';
import { urlsIn } from '../../../src/mime/read/links.ts';
import { readParameters } from '../../../src/mime/read/parameters.ts';
import { collect } from '../../feeds.ts';
import { cases } from '../drafts.ts';
import { corpus } from './corpus.ts';
import { read } from './parts.ts';

const small = corpus.map(({ octets }) => octets).filter(({ length }) => length > 0 && length < 5_000);

describe('never throws', () => {
  it('for random octets', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 500 }), async (octets) => {
        const { parts } = await read(Buffer.from(octets));
        expect(parts.length).toBeGreaterThan(0);
      }),
      { numRuns: 1_000 },
    );
  });

  it('for lines of a message in any order', async () => {
    const line = fc.oneof(
      fc.constantFrom(
        ...[
          '',
          '--b',
          '--b--',
          '--c',
          '--c--',
          ' x',
          'Subject: =?utf-8?b?',
          '=?utf-8?q?=E2?= =?utf-8?q?=82?=',
        ],
        ...['Content-Type: multipart/mixed; boundary=b', 'Content-Type: multipart/alternative; boundary=c'],
        ...[
          'Content-Type: message/rfc822',
          'Content-Type: multipart/digest; boundary=b',
          'Content-Type: text/html',
        ],
        ...[
          'Content-Transfer-Encoding: base64',
          'Content-Transfer-Encoding: quoted-printable',
          '=',
          '=C3',
          'SGk=',
        ],
        ...[
          "Content-Disposition: attachment; filename*0*=utf-8''%e2; filename*1=x",
          'To: "a, (b <c@d>;',
          '<a href=x',
        ],
      ),
      fc.string({ maxLength: 30 }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { maxLength: 40 }),
        fc.constantFrom('\r\n', '\n', '\r'),
        async (all, end) => {
          const found = await read(all.join(end));
          expect(found.attachments.every((part) => found.parts.includes(part))).toBe(true);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('for messages with a change somewhere', async () => {
    const change = fc.tuple(fc.nat(), fc.nat(20), fc.uint8Array({ maxLength: 10 }));
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...small),
        fc.array(change, { minLength: 1, maxLength: 5 }),
        async (octets, changes) => {
          let message = octets;
          for (const [where, length, insert] of changes) {
            const at = where % (message.length + 1);
            message = Buffer.concat([message.subarray(0, at), insert, message.subarray(at + length)]);
          }
          expect((await read(message)).parts.length).toBeGreaterThan(0);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('for messages that end anywhere', async () => {
    for (const octets of fc.sample(fc.constantFrom(...small), { numRuns: 20, seed: 1 })) {
      for (let end = 0; end < octets.length; end += 7) await read(octets.subarray(0, end));
    }
  });

  it('in any charset', () => {
    const label = fc.oneof(
      fc.string(),
      fc.constantFrom(
        ...[
          'utf-7',
          'hz',
          'iso-2022-kr',
          'iso-2022-cn',
          'utf-16',
          'utf-32',
          'utf-32le',
          'cp949',
          'unicode',
          'cp437',
        ],
      ),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), label, (octets, name) => {
        expect(typeof decodeLabelled(octets, name).text).toBe('string');
      }),
      { numRuns: 2_000 },
    );
  });
});

it('a field with any parameters is read', () => {
  fc.assert(
    fc.property(fc.string(), (field) => {
      const { parameters } = readParameters(`x; ${field}`);
      expect([...parameters.values()].every((value) => typeof value === 'string')).toBe(true);
    }),
  );
});

it('text that flows nowhere stays as it is', () => {
  fc.assert(
    fc.property(fc.array(fc.stringMatching(/^[a-z]{0,5}$/)), (all) => {
      expect(unflow(all.join('\n'), true)).toBe(all.join('\n'));
    }),
  );
});

it('each URL of a text stands in it', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('http://', 'x', '(', ')', '.', ' ', '[', ']', '>', 'mailto:', 'é')),
      (pieces) => {
        const text = pieces.join('');
        for (const url of urlsIn(text)) expect(text).toContain(url);
      },
    ),
  );
});

it('what is composed here is read here', async () => {
  for (const { draft, enclosures } of fc.sample(cases, { numRuns: 100, seed: 2_045 })) {
    const found = await read(await collect(await compose(draft)));
    expect(found.subject ?? '').toBe(draft.subject ?? '');
    expect(found.warnings).toEqual([]);
    expect(
      found.attachments.map(({ filename, bytes }) => [filename, Buffer.from(bytes).toString('hex')]),
    ).toEqual(enclosures.map(({ filename, bytes }) => [filename, bytes.toString('hex')]));
    const trimmed = (text: string) => text.replaceAll('\r\n', '\n').replace(/\n+$/, '');
    if (typeof draft.text === 'string' && draft.text.trim() !== '')
      expect(trimmed(found.text)).toBe(trimmed(draft.text));
  }
});
