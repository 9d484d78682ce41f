import fc from 'fast-check';

/** Messages as others make them, right and wrong, in octets (a string of them, as Latin-1). */

const octets = (text: string) => Buffer.from(text, 'utf8').toString('latin1');

const piece = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom('word', ' ', '.', 'From here', '=', '=3D', 'a=b', '-', '\t') },
  { weight: 4, arbitrary: fc.constantFrom('é', 'ü', '报告', '\xe9'.repeat(3)).map(octets) },
  { weight: 4, arbitrary: fc.constant('\n') },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      'x'.repeat(999),
      octets('ж'.repeat(600)),
      'y '.repeat(1_500),
      '--inner',
      ' \n',
      '\x7f',
      '\x1b',
    ),
  },
);
const text = fc.array(piece, { maxLength: 14 }).map((all) => all.join(''));
const binary = fc
  .array(fc.constantFrom('\0', '\xff', '\xd8', 'JFIF', '\r', '\n', '\r\n', '\r\r\n', 'x'.repeat(300)), {
    maxLength: 10,
  })
  .map((all) => all.join(''));

interface Shape {
  readonly header: string;
  readonly body: string;
}

const label = (encoding: string) => (encoding === '' ? '' : `Content-Transfer-Encoding: ${encoding}\n`);
const identity = fc.constantFrom('', '7bit', '8bit', 'binary', '8BIT');

const textLeaf: fc.Arbitrary<Shape> = fc
  .tuple(
    text,
    identity,
    fc.constantFrom('', 'Content-Type: text/plain;\n charset="utf-8"\n', 'Content-Type: text/html\n'),
  )
  .map(([body, encoding, type]) => ({ header: `${type}${label(encoding)}`, body }));
const binaryLeaf: fc.Arbitrary<Shape> = fc
  .tuple(fc.oneof(binary, text), identity)
  .map(([body, encoding]) => ({
    header: `${label(encoding)}Content-Type: image/x-any; name="a;b"\n`,
    body,
  }));
// Python takes two `=` in a row for one.
const quotedLeaf: fc.Arbitrary<Shape> = text.map((body) => ({
  header: `Content-Type: text/plain; charset=utf-8\n${label('Quoted-Printable')}`,
  body: body.replace(/={2,}/g, '='),
}));
const base64Leaf: fc.Arbitrary<Shape> = fc
  .tuple(fc.uint8Array({ maxLength: 1_500 }), fc.constantFrom('', '\n', '\xe9'))
  .map(([bytes, end]) => ({
    header: `Content-Type: application/pdf\n${label('base64')}`,
    body: Buffer.from(bytes).toString('base64') + end,
  }));

const around = fc.oneof(
  { weight: 6, arbitrary: fc.constant('') },
  { weight: 1, arbitrary: fc.constantFrom('This is MIME.\n', octets('Größe\n'), `${'p'.repeat(1_200)}\n`) },
);
const { node } = fc.letrec<{ node: Shape; multipart: Shape; message: Shape }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    { weight: 4, arbitrary: textLeaf },
    { weight: 2, arbitrary: binaryLeaf },
    { weight: 1, arbitrary: quotedLeaf },
    { weight: 1, arbitrary: base64Leaf },
    { weight: 4, arbitrary: tie('multipart') },
    { weight: 2, arbitrary: tie('message') },
  ),
  multipart: fc
    .record({
      parts: fc.array(tie('node'), { minLength: 1, maxLength: 4 }),
      subtype: fc.constantFrom('mixed', 'alternative', 'digest'),
      id: fc.nat(1_000_000),
      encoding: fc.constantFrom('', '7bit', '8bit', 'binary'),
      preamble: around,
      epilogue: around,
      closing: fc.constantFrom('--', '--', '--', '-- \t', undefined),
      blanks: fc.constantFrom('', '', ' ', ' \t '),
    })
    .map(({ parts, subtype, id, encoding, preamble, epilogue, closing, blanks }) => {
      const boundary = `b=_${id}`;
      const all = parts.map(({ header, body }) => `--${boundary}${blanks}\n${header}\n${body}\n`).join('');
      return {
        header: `Content-Type: multipart/${subtype}; x="a; boundary=no"; Boundary="${boundary}"\n${label(encoding)}`,
        body: `${preamble}${all}${closing === undefined ? '' : `--${boundary}${closing}\n${epilogue}`}`,
      };
    }),
  message: fc.tuple(tie('node'), fc.constantFrom('', '7bit', '8bit')).map(([{ header, body }, encoding]) => ({
    header: `Content-Type: message/rfc822\n${label(encoding)}`,
    body: `Subject: within\n${header}\n${body}`,
  })),
}));

/** Whole messages, with line ends of one kind, or of both. */
export const foreignMessages: fc.Arbitrary<Buffer> = fc
  .tuple(node, fc.constantFrom('\n', '\r\n', '\r\n', 'mixed'), fc.boolean())
  .map(([{ header, body }, end, mime]) => {
    const whole = `From: a@example.org\nTo: b@example.org\n${mime ? 'MIME-Version: 1.0\n' : ''}${header}\n${body}`;
    let count = 0;
    const ended = whole.replace(/(?<!\r)\n/g, () =>
      end !== 'mixed' ? end : count++ % 3 === 0 ? '\n' : '\r\n',
    );
    return Buffer.from(ended, 'latin1');
  });
