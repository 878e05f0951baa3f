import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Problem } from '../../src/core/problem.ts'
import { Multipart, type MultipartLimits, textOf } from '../../src/input/multipart.ts'
import { append } from '../../src/input/parts.ts'
import { boundaryOf, partHead } from '../../src/input/multipart-head.ts'
import { settled } from '../helpers.ts'

const utf8 = new TextEncoder()

/** Bytes as tests write them: a character above U+00FF is UTF-8, any other one byte. */
function bytes(text: string): Uint8Array {
  return Uint8Array.from([...text].flatMap((one) => one <= '\xff' ? [one.charCodeAt(0)] : [...utf8.encode(one)]))
}

function latin(data: Uint8Array): string {
  return Array.from(data, (byte) => String.fromCharCode(byte)).join('')
}

interface Feed {
  readonly stream: ReadableStream<Uint8Array>
  taken: number
  cancelled: unknown[]
}

/** A source that hands out these chunks, one per pull, and counts. */
function feed(chunks: readonly Uint8Array[], then: 'close' | 'error' | 'hang' = 'close'): Feed {
  const out: Feed = {
    taken: 0,
    cancelled: [],
    stream: new ReadableStream<Uint8Array>({
      pull(controller): void | Promise<void> {
        const chunk = chunks[out.taken]
        if (chunk !== undefined) {
          out.taken++
          return controller.enqueue(chunk)
        }
        if (then === 'hang') return new Promise(() => {})
        if (then === 'error') return controller.error(new Error('the client left'))
        controller.close()
      },
      cancel(reason) {
        out.cancelled.push(reason)
      },
    }, { highWaterMark: 0 }),
  }
  return out
}

function cut(data: Uint8Array, size: number): Uint8Array[] {
  const chunks: Uint8Array[] = []
  for (let at = 0; at < data.length; at += size) chunks.push(data.slice(at, at + size))
  return chunks
}

interface Parsed {
  readonly name: string
  readonly filename: string | undefined
  readonly type: string | undefined
  readonly data: string
}

const LIMITS: MultipartLimits = { parts: 100_000, total: 1e9 }

async function parse(chunks: readonly Uint8Array[], boundary = 'b', limits = LIMITS): Promise<Parsed[]> {
  const form = new Multipart(feed(chunks).stream.getReader(), boundary, limits)
  const parsed: Parsed[] = []
  for (let part; (part = await form.next()) !== undefined;) {
    let data = ''
    for (let piece; (piece = await part.read()) !== undefined;) {
      expect(piece.byteLength).toBeGreaterThan(0)
      data += latin(piece)
    }
    expect(await part.read()).toBeUndefined()
    parsed.push({ name: part.name, filename: part.filename, type: part.type, data })
  }
  expect(await form.next()).toBeUndefined()
  return parsed
}

/** The code it is refused with. */
async function refusal(body: string | readonly Uint8Array[], boundary = 'b', limits = LIMITS): Promise<string> {
  const source = feed(typeof body === 'string' ? [bytes(body)] : body)
  const form = new Multipart(source.stream.getReader(), boundary, limits)
  const all = async (): Promise<void> => {
    for (let part; (part = await form.next()) !== undefined;) await textOf(part, Infinity)
  }
  const error = await all().catch((error: unknown) => error)
  if (error === undefined) return 'taken'
  expect(error).toBeInstanceOf(Problem)
  // And ever after.
  form.stop(error)
  await expect(form.next()).rejects.toBe(error)
  const { code, status, detail, message, members } = error as Problem
  expect([status, detail, message, members]).toEqual([
    code === 'body-too-large' ? 413 : 400,
    undefined,
    code,
    undefined,
  ])
  return code
}

const field = (name: string, value: string): string =>
  `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`
const head = (disposition: string, ...more: string[]): string =>
  `--b\r\n${[`Content-Disposition: ${disposition}`, ...more].join('\r\n')}\r\n\r\nx\r\n--b--`

describe('lets the good through', () => {
  test('fields and files, as browsers send them', async () => {
    const body = bytes(
      '------WebKitFormBoundaryAbC\r\nContent-Disposition: form-data; name="title"\r\n\r\nHellö\u2603\r\n' +
        '------WebKitFormBoundaryAbC\r\nContent-Disposition: form-data; name="f"; filename="a \u2603.png"\r\n' +
        'Content-Type: image/png\r\n\r\n\x89PNG\r\n\x1a\n\0\r\n\r\n------WebKitFormBoundaryAbC--\r\n',
    )
    expect(await parse([body], '----WebKitFormBoundaryAbC')).toEqual([
      { name: 'title', filename: undefined, type: undefined, data: 'Hellö\xe2\x98\x83' },
      { name: 'f', filename: 'a \u2603.png', type: 'image/png', data: '\x89PNG\r\n\x1a\n\0\r\n' },
    ])
  })

  test.each<[what: string, body: string, parts: [string, string][]]>([
    ['no part', '--b--', []],
    ['no part, and a line break', '--b--\r\n', []],
    ['an empty part', `${field('a', '')}--b--`, [['a', '']]],
    ['an empty part that shares its line break with the boundary', head('form-data; name=a').replace('x\r\n', ''), [[
      'a',
      '',
    ]]],
    ['a line break before the first boundary', `\r\n${field('a', '1')}--b--`, [['a', '1']]],
    ['padding behind boundaries', field('a', '1').replace('--b', '--b \t ') + '--b--  \r\n', [['a', '1']]],
    ['an epilogue', `${field('a', '1')}--b--\r\nanything --b\r\n--b\r\n\0`, [['a', '1']]],
    ['a name twice, an empty name', `${field('a', '1')}${field('a', '2')}${field('', '3')}--b--`, [
      ['a', '1'],
      ['a', '2'],
      ['', '3'],
    ]],
    ['almost boundaries', `${field('a', '\r\n-b\r\n--\r\n--B\n--b\r--b\r\r\n--a--b')}--b--`, [
      ['a', '\r\n-b\r\n--\r\n--B\n--b\r--b\r\r\n--a--b'],
    ]],
    ['line breaks at the end', `${field('a', '\r\n\r\n\r')}--b--`, [['a', '\r\n\r\n\r']]],
    ['a name that objects have', `${field('__proto__', '1')}--b--`, [['__proto__', '1']]],
  ])('takes %s', async (_what, body, parts) => {
    for (const size of [1, 2, 3, 5, 1_000]) {
      const parsed = await parse(cut(bytes(body), size))
      expect(parsed.map(({ name, data }) => [name, data])).toEqual(parts)
    }
  })

  test.each<[what: string, disposition: string, name: string, filename?: string]>([
    ['without quotes', 'form-data; name=a; filename=b.png', 'a', 'b.png'],
    ['in any case', 'FORM-DATA; Name="a"; FILENAME="b"', 'a', 'b'],
    ['in any order', 'form-data; filename="b"; name="a"', 'a', 'b'],
    ['without spaces, with more, with a last semicolon', 'form-data;name="a" ;\tfilename="b"; ', 'a', 'b'],
    ['with other parameters', 'form-data; name="a"; size=7; x="y;z"', 'a'],
    ['empty', 'form-data; name=""; filename=""', '', ''],
    ['with what looks like parameters within', 'form-data; name="a; filename=\'x\'"', "a; filename='x'"],
    ['as browsers escape', 'form-data; name="a%22b"; filename="%22%41%.png"', 'a"b', '"%41%.png'],
    ['as old clients escape', 'form-data; name="a\\"b\\\\"; filename="\\\\\\"x"', 'a"b\\', '\\"x'],
    [
      'with the path that Internet Explorer sends',
      'form-data; name="a"; filename="C:\\dir\\new.png"',
      'a',
      'C:\\dir\\new.png',
    ],
    ['in UTF-8', 'form-data; name="\u540d"; filename="\ud83d\ude00.png"', '\u540d', '\ud83d\ude00.png'],
    ["as Python's old clients encode", "form-data; name=a; filename*=utf-8''%E2%82%AC%20a.png", 'a', '\u20ac a.png'],
    ['with a language', "form-data; name=a; filename*=UTF-8'en'x.png", 'a', 'x.png'],
    ['both ways: the plain one counts', "form-data; name=a; filename=p.png; filename*=utf-8''x.exe", 'a', 'p.png'],
  ])('reads names %s', async (_what, disposition, name, filename) => {
    const parsed = await parse([bytes(head(disposition))])
    expect(parsed).toEqual([{ name, filename, type: undefined, data: 'x' }])
  })

  test('reads the type, and lets be what no form needs', async () => {
    const more = ['Content-Type: text/plain; charset=utf-8', 'Content-Length: 7', 'X-Any: \x7e', 'x-empty:']
    const lines = [...more, 'content-TRANSFER-encoding: BINARY']
    expect((await parse([bytes(head('form-data; name=a', ...lines))]))[0]?.type).toBe('text/plain; charset=utf-8')
    expect((await parse([bytes(head('form-data; name=a', 'Content-Type:  '))]))[0]?.type).toBeUndefined()
  })

  test.each<[contentType: string, boundary: string | undefined]>([
    ['multipart/form-data; boundary=abc', 'abc'],
    ['multipart/form-data;boundary="abc"', 'abc'],
    ['multipart/form-data; charset=utf-8; BOUNDARY=abc; x=y', 'abc'],
    ['multipart/form-data; boundary=----=_Part_1_2.3', '----=_Part_1_2.3'],
    ['multipart/form-data; boundary="a b:c/d?e=f,(g)+\'_-."', "a b:c/d?e=f,(g)+'_-."],
    [`multipart/form-data; boundary=${'x'.repeat(70)}`, 'x'.repeat(70)],
    [`multipart/form-data; boundary=${'x'.repeat(71)}`, undefined],
    ['multipart/form-data', undefined],
    ['multipart/form-data; boundary', undefined],
    ['multipart/form-data; boundary=', undefined],
    ['multipart/form-data; boundary=""', undefined],
    ['multipart/form-data; boundary="abc', undefined],
    ['multipart/form-data; boundary="a" b', undefined],
    ['multipart/form-data; boundary=a b', undefined],
    ['multipart/form-data; boundary="a "', undefined],
    ['multipart/form-data; boundary="a\\"b"', undefined],
    ['multipart/form-data; boundary="a%22b"', undefined],
    ['multipart/form-data; boundary=a; boundary=b', undefined],
    ['multipart/form-data; boundary=a; Boundary="a"', undefined],
    ['multipart/form-data; boundary=a, multipart/form-data; boundary=b', undefined],
    ['multipart/form-data; boundary=a,multipart/form-data; boundary=b', undefined],
    ['multipart/form-data; x="; boundary=a"', undefined],
    ['multipart/form-data; boundary =a', undefined],
    ['multipart/form-data; boundary=\xe9', undefined],
    ['multipart/form-data; boundary="a\tb"', undefined],
    ['multipart/form-data; boundary=a{b}', undefined],
    ['multipart/form-data boundary=a', undefined],
  ])('the boundary of %s is %s', (contentType, boundary) => {
    expect(boundaryOf(contentType)).toBe(boundary)
  })

  test('what the platform writes, it reads as the platform does', async () => {
    const form = new FormData()
    form.append('text', 'a\r\nb \u2603')
    form.append('a"b', '')
    form.append('file', new Blob([new Uint8Array([0, 13, 10, 255])], { type: 'image/png' }), 'a "\u2603".png')
    const response = new Response(form)
    const boundary = boundaryOf(response.headers.get('content-type')!)!
    expect(await parse([await response.bytes()], boundary)).toMatchObject([
      { name: 'text', data: 'a\r\nb \xe2\x98\x83' },
      { name: 'a"b', filename: undefined, data: '' },
      { name: 'file', filename: 'a "\u2603".png', type: 'image/png', data: '\0\r\n\xff' },
    ])
  })

  test('a list is made of what comes twice', () => {
    const fields: Record<string, string | string[]> = Object.create(null)
    for (const [name, value] of [['a', '1'], ['b', '2'], ['a', '3'], ['a', '4'], ['__proto__', '5']] as const) {
      append(fields, name, value)
    }
    expect(Object.entries(fields)).toEqual([['a', ['1', '3', '4']], ['b', '2'], ['__proto__', '5']])
  })
})

describe('refuses the bad', () => {
  const good = 'Content-Disposition: form-data; name="a"'

  test.each<[what: string, body: string]>([
    ['nothing', ''],
    ['a line break', '\r\n'],
    ['half a boundary', '--'],
    ['one boundary', '--b'],
    ['one boundary and a line break', '--b\r\n'],
    ['half a head', `--b\r\n${good}\r\n`],
    ['a head only (CVE-2025-7338)', `--b\r\n${good}; filename=""\r\n\r\n`],
    ['no last boundary (GHSA-4pg4-qvpc-4q3h)', field('a', '1')],
    ['a last boundary cut off', `${field('a', '1')}--`],
    ['a last boundary without its dashes', `${field('a', '1')}--b`],
    ['a last boundary with one dash', `${field('a', '1')}--b-`],
    ['another boundary at the end', `${field('a', '1')}--c--`],
    ['another boundary throughout', field('a', '1').replace('--b', '--c') + '--c--'],
    ['a preamble', `preamble\r\n${field('a', '1')}--b--`],
    ['two line breaks before the first boundary', `\r\n\r\n${field('a', '1')}--b--`],
    ['a line feed before the first boundary', `\n${field('a', '1')}--b--`],
    ['a boundary that goes on', `${field('a', '1')}--bb\r\n--b--`],
    ['a boundary that goes on, first', `--bb\r\n${good}\r\n\r\n1\r\n--b--`],
    ['data that begins with a boundary that goes on', `${field('a', '--bX')}--b--`],
    ['line feeds for line breaks', `--b\n${good}\n\n1\n--b--`],
    ['a line feed after the boundary', `--b\n${good}\r\n\r\n1\r\n--b--`],
    ['a head without an end of line', `--b\r\n${good}\n\n1\r\n--b--`],
    ['no fields', '--b\r\n\r\n1\r\n--b--'],
    ['no Content-Disposition', '--b\r\nContent-Type: text/plain\r\n\r\n1\r\n--b--'],
    ['Content-Disposition twice', `--b\r\n${good}\r\n${good}\r\n\r\n1\r\n--b--`],
    ['Content-Type twice', `--b\r\n${good}\r\nContent-Type: a/b\r\ncontent-type: a/b\r\n\r\n1\r\n--b--`],
    ['a continued line (CVE-2022-24434)', `--b\r\n Content-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--`],
    ['a continued line further down', `--b\r\n${good};\r\n filename="x"\r\n\r\n1\r\n--b--`],
    ['a line without a colon', `--b\r\n${good}\r\nno colon\r\n\r\n1\r\n--b--`],
    ['a line without a name', `--b\r\n${good}\r\n: x\r\n\r\n1\r\n--b--`],
    ['a space before the colon', `--b\r\nContent-Disposition : form-data; name="a"\r\n\r\n1\r\n--b--`],
    ['a NUL in a line', `--b\r\n${good}\r\nX: \0\r\n\r\n1\r\n--b--`],
    ['a bare CR in a line', `--b\r\n${good}\rX: y\r\n\r\n1\r\n--b--`],
    ['a bare LF in a line', `--b\r\n${good}\nX: y\r\n\r\n1\r\n--b--`],
    ['parts within a part', `--b\r\n${good}\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c--\r\n--b--`],
    ['base64', `--b\r\n${good}\r\nContent-Transfer-Encoding: base64\r\n\r\nMQ==\r\n--b--`],
    ['quoted-printable', `--b\r\n${good}\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=31\r\n--b--`],
  ])('%s', async (_what, body) => {
    for (const size of [1, 7, 1_000]) expect(await refusal(cut(bytes(body), size))).toBe('body-malformed')
  })

  test.each<[what: string, disposition: string]>([
    ['another kind', 'attachment; name="a"'],
    ['no kind', 'name="a"'],
    ['a kind in quotes', '"form-data"; name="a"'],
    ['no name', 'form-data'],
    ['no name but a filename', 'form-data; filename="x.png"'],
    ['name twice', 'form-data; name="a"; name="b"'],
    ['name twice, in different cases', 'form-data; name="a"; NAME="a"'],
    ['filename twice', 'form-data; name="a"; filename="x.png"; filename="y.php"'],
    ['filename twice, once in quotes', 'form-data; name="a"; filename="x.png"; filename=y.php'],
    ['filename* twice', "form-data; name=a; filename*=utf-8''x; filename*=utf-8''y"],
    ['a filename in pieces', 'form-data; name="a"; filename*0="x."; filename*1="php"'],
    ['a name in an extended notation', "form-data; name=a; name*=utf-8''b"],
    ['an extended filename in Latin-1', "form-data; name=a; filename*=iso-8859-1''x"],
    ['an extended filename without a character set', 'form-data; name=a; filename*=x'],
    ['an extended filename that is no UTF-8', "form-data; name=a; filename*=utf-8''%ff"],
    ['an extended filename with an overlong slash', "form-data; name=a; filename*=utf-8''%c0%af"],
    ['an extended filename with half an escape', "form-data; name=a; filename*=utf-8''%e"],
    ['an extended filename with a slash unescaped', "form-data; name=a; filename*=utf-8''../x"],
    ['an extended filename with a NUL', "form-data; name=a; filename*=utf-8''x.php%00.png"],
    ['an extended filename with a line break', "form-data; name=a; filename*=utf-8''x%0D%0Ay"],
    ['a NUL in a filename', 'form-data; name="a"; filename="x.php\0.png"'],
    ['a tab in a name', 'form-data; name="a\tb"'],
    ['a DEL in a name', 'form-data; name="a\x7fb"'],
    ['a C1 control in a filename', 'form-data; name="a"; filename="\u00c2\u0085"'],
    ['a line break in a name, as browsers escape', 'form-data; name="a%0D%0Ab"'],
    ['a line break in a filename, as browsers escape', 'form-data; name="a"; filename="x%0ay"'],
    ['a quote that does not close', 'form-data; name="a'],
    ['a quote that does not close, escaped', 'form-data; name="a\\"'],
    ['a quote that opens late', 'form-data; name=a"b"'],
    ['something behind a quote', 'form-data; name="a"b'],
    ['no semicolon between', 'form-data; name="a" filename="x.php"'],
    ['a comma between', 'form-data; name="a", filename="x.php"'],
    ['spaces round the equals sign', 'form-data; name = "a"'],
    ['a parameter without a value', 'form-data; name="a"; filename'],
    ['single quotes with a space', "form-data; name='a b'"],
  ])('a Content-Disposition with %s', async (_what, disposition) => {
    expect(await refusal(head(disposition))).toBe('body-malformed')
  })

  test('PITFALLS 14: what is wrong is not said with what came in', async () => {
    const secret = 's3cr3t-m4rk3r'
    const bodies = [
      `${secret}\r\n--b--`,
      head(`form-data; name="${secret}`),
      head(`${secret}; name=a`),
      field(secret, secret),
    ]
    for (const body of bodies) expect(await refusal(body)).toBe('body-malformed') // which looks at all of the problem
  })

  test.each<[what: string, body: string]>([
    ['a name', head('form-data; name="\xe9"')],
    ['a filename', head('form-data; name=a; filename="\xc0\xaf"')],
    ['another field', head('form-data; name=a', 'X: \xff')],
    ['a text', field('a', '\xe2\x98') + '--b--'],
    ['a text, by what it says', head('form-data; name=a', 'Content-Type: text/plain; charset=iso-8859-1')],
  ])('fault 19: %s that is no UTF-8', async (_what, body) => {
    for (const size of [1, 1_000]) expect(await refusal(cut(bytes(body), size))).toBe('encoding-invalid')
  })

  test('a text cut between chunks is still one', async () => {
    for (const size of [1, 2, 3]) {
      expect(await refusal(cut(bytes(field('a', '\u2603\ud83d\ude00') + '--b--'), size))).toBe('taken')
    }
  })

  test('too much of anything', async () => {
    const fields = (count: number) => head('form-data; name=a', ...Array.from({ length: count }, (_, i) => `X-${i}: y`))
    expect(await refusal(fields(15))).toBe('taken')
    expect(await refusal(fields(16))).toBe('input-too-complex')

    const line = `Content-Disposition: form-data; name="a"; x="${'y'.repeat(8_192)}`
    const fit = 8_192 - '\r\n"\r\n\r\n'.length
    const long = (length: number) => `--b\r\n${line.slice(0, length)}"\r\n\r\n1\r\n--b--`
    expect(await refusal(long(fit))).toBe('taken')
    expect(await refusal(long(fit + 1))).toBe('input-too-complex')

    const parts = field('a', '').repeat(3) + '--b--'
    expect(await refusal(parts, 'b', { ...LIMITS, parts: 3 })).toBe('taken')
    expect(await refusal(parts, 'b', { ...LIMITS, parts: 2 })).toBe('input-too-complex')

    expect(await refusal(parts, 'b', { ...LIMITS, total: parts.length })).toBe('taken')
    expect(await refusal(parts, 'b', { ...LIMITS, total: parts.length - 1 })).toBe('body-too-large')
    expect(await refusal(cut(bytes(`--b--${' '.repeat(1_000)}`), 10), 'b', { ...LIMITS, total: 900 })).toBe(
      'body-too-large',
    )
  })

  test('a head or a padding without end is not read to its end', async () => {
    for (const start of ['--b\r\nX: ', '--b ', '--b\r\n']) {
      const source = feed([bytes(start), ...cut(new Uint8Array(1_000_000).fill(32), 1_000)])
      await expect(new Multipart(source.stream.getReader(), 'b', LIMITS).next()).rejects.toThrow('input-too-complex')
      expect(source.taken).toBeLessThan(12)
      expect(source.cancelled).toHaveLength(1)
    }
  })

  test('a text beyond its limit: at most one chunk more is read', async () => {
    const source = feed([bytes(field('a', '').slice(0, -2)), ...cut(new Uint8Array(1_000_000).fill(97), 1_000)])
    const part = await new Multipart(source.stream.getReader(), 'b', LIMITS).next()
    await expect(textOf(part!, 10_000)).rejects.toThrow('body-too-large')
    expect(source.taken).toBe(12)
  })
})

describe('whatever the chunks', () => {
  /** Made of the delimiter's own pieces, so that near misses are common. */
  const data = fc.array(fc.constantFrom('\r', '\n', '\r\n', '-', '--', '\r\n--', 'b', 'bo', 'bou', 'x', '\0', '\xff'), {
    maxLength: 30,
  }).map((pieces) => pieces.join(''))
  const boundaries = fc.constantFrom(
    'b',
    'bo',
    'bou',
    '-',
    '--',
    '--b',
    'b-b',
    'x'.repeat(70),
    '----WebKitFormBoundaryAb',
  )
  const cuts = fc.array(fc.nat(400), { maxLength: 20 })

  function cutAt(whole: Uint8Array, at: readonly number[]): Uint8Array[] {
    const places = [0, ...at.map((one) => one % (whole.length + 1)).sort((a, b) => a - b), whole.length]
    return places.slice(1).map((end, i) => whole.slice(places[i], end))
  }

  test('the same parts come out as went in', async () => {
    const parts = fc.array(fc.record({ name: fc.stringMatching(/^[a-z ;=]{0,8}$/), data }), { maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(boundaries, parts, cuts, async (boundary, parts, cuts) => {
        fc.pre(parts.every(({ data }) => !`\r\n${data}\r\n`.includes(`\r\n--${boundary}`)))
        const body = parts.map(({ name, data }) =>
          `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${data}\r\n`
        ).join('') + `--${boundary}--\r\n`
        const parsed = await parse(cutAt(bytes(body), cuts), boundary)
        expect(parsed.map(({ name, data }) => ({ name, data }))).toEqual(parts)
      }),
      { numRuns: 500 },
    )
  })

  test('any bytes, cut anywhere, come out as when they are whole: as parts, or as a refusal', async () => {
    const piece = fc.constantFrom(
      '--b',
      '--b--',
      '--b\r\n',
      '\r\n--b',
      '\r\n',
      '\r',
      '\n',
      '--',
      ' ',
      '"',
      ';',
      'Content-Disposition: form-data; name="a"',
      '; filename="x"',
      ': ',
      'x',
      '\0',
      '\xff',
      field('a', 'x'),
    )
    const outcome = (chunks: readonly Uint8Array[]): Promise<unknown> =>
      parse(chunks).catch((error: unknown) => {
        if (!(error instanceof Problem) || error.status !== 400) throw error
        return error.code
      })
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 20 }), cuts, async (pieces, cuts) => {
        const whole = bytes(pieces.join(''))
        expect(await outcome(cutAt(whole, cuts))).toEqual(await outcome([whole]))
      }),
      { numRuns: 500 },
    )
  })

  test('a boundary may be cut at each of its bytes', async () => {
    const boundary = '----WebKitFormBoundaryoo6vortfDzBsDiro'
    const body = bytes(
      field('a', 'one').replace('--b', `--${boundary}`) + field('c', '\r\n--two').replace('--b', `--${boundary}`) +
        `--${boundary}--\r\n`,
    )
    for (let at = 0; at <= body.length; at++) {
      const parsed = await parse([body.slice(0, at), body.slice(at)], boundary)
      expect(parsed.map(({ data }) => data)).toEqual(['one', '\r\n--two'])
    }
  })

  test('heads never throw anything but problems', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'\\";=%\'*\r\n: aA0') })), (text) => {
        for (
          const head of [text, `\r\nContent-Disposition: form-data; name=a${text}`, `\r\nContent-Disposition: ${text}`]
        ) {
          try {
            const { name, filename = '' } = partHead(head)
            expect(/\p{Cc}/u.test(name + filename)).toBe(false)
          } catch (error) {
            expect(error).toBeInstanceOf(Problem)
          }
        }
        expect(boundaryOf(`multipart/form-data${text}`) ?? 'x').toMatch(/^[\x20-\x7e]{1,70}$/)
      }),
    )
  })
})

describe('survives the broken', () => {
  test('fault 43: a client that leaves is a 400, with the cause', async () => {
    for (const body of ['', '--b\r\nX', field('a', '').slice(0, -2), `${field('a', '1')}--b--`]) {
      const form = new Multipart(feed([bytes(body)], 'error').stream.getReader(), 'b', LIMITS)
      const all = async (): Promise<void> => {
        for (let part; (part = await form.next()) !== undefined;) while (await part.read() !== undefined);
      }
      const error = await all().catch((error: unknown) => error)
      expect(error).toMatchObject({ status: 400, code: 'body-unreadable', cause: { message: 'the client left' } })
    }
  })

  test('a source that breaks with a problem breaks with that one', async () => {
    const tooLarge = new Problem(413, 'body-too-large')
    const stream = new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(tooLarge) })
    await expect(new Multipart(stream.getReader(), 'b', LIMITS).next()).rejects.toBe(tooLarge)
  })

  test('a source that gives no bytes is refused', async () => {
    const stream = new ReadableStream({ start: (controller) => controller.enqueue('--b--') })
    await expect(new Multipart(stream.getReader(), 'b', LIMITS).next()).rejects.toThrow('body-too-large')
  })

  test('stopped while it waits, it rejects with the reason, and the source is cancelled', async () => {
    const source = feed([bytes(field('a', 'x'))], 'hang')
    const form = new Multipart(source.stream.getReader(), 'b', LIMITS)
    const part = (await form.next())!
    expect(latin((await part.read())!)).toBe('x')
    const reason = new Error('the deadline')
    const waiting = part.read()
    const next = form.next()
    form.stop(reason)
    form.stop(new Error('another'))
    await expect(waiting).rejects.toBe(reason)
    await expect(next).rejects.toBe(reason)
    await expect(part.read()).rejects.toBe(reason)
    expect(source.cancelled).toEqual([reason])
  })

  test('every fault cancels the source', async () => {
    const source = feed([bytes('--b\r\n\r\n\r\n')], 'hang')
    await expect(new Multipart(source.stream.getReader(), 'b', LIMITS).next()).rejects.toThrow('body-malformed')
    expect(source.cancelled).toEqual([new Problem(400, 'body-malformed')])
  })

  test('floods of almost boundaries take linear time, whatever the boundary', async () => {
    const boundary = '----WebKitFormBoundaryoo6vortfDzBsDiro'
    const floods: [unit: string, boundary: string][] = [
      [`\r\n--${boundary.slice(0, -1)}X`, boundary],
      [`\r\n--${boundary.slice(1)}`, boundary],
      ['a', 'a'.repeat(70)],
      ['\r', boundary],
      ['\r\n--', 'b'],
    ]
    for (const [unit, boundary] of floods) {
      const flood = utf8.encode(
        `--${boundary}\r\nContent-Disposition: form-data; name=a\r\n\r\n${
          unit.repeat(2_000_000 / unit.length)
        }\r\n--${boundary}--`,
      )
      const form = new Multipart(feed(cut(flood, 65_536)).stream.getReader(), boundary, LIMITS)
      const started = performance.now()
      for (let part; (part = await form.next()) !== undefined;) while (await part.read() !== undefined);
      expect(performance.now() - started).toBeLessThan(1_000)
    }
  })

  test('300,000 chunks of one byte take linear time', async () => {
    const chunks = cut(
      utf8.encode(`--b\r\nContent-Disposition: form-data; name=a\r\n\r\n${'\r\n--x'.repeat(60_000)}\r\n--b--`),
      1,
    )
    const form = new Multipart(feed(chunks).stream.getReader(), 'b', LIMITS)
    const started = performance.now()
    let length = 0
    for (let part; (part = await form.next()) !== undefined;) {
      for (let piece; (piece = await part.read()) !== undefined;) length += piece.byteLength
    }
    expect(length).toBe(300_000)
    expect(performance.now() - started).toBeLessThan(10_000)
  }, 20_000)

  test('who takes the memory of what it gets takes nothing else', async () => {
    const form = new Multipart(
      feed([bytes(`${field('a', 'one')}${field('b', 'two')}--b--`)]).stream.getReader(),
      'b',
      LIMITS,
    )
    const texts: string[] = []
    for (let part; (part = await form.next()) !== undefined;) {
      for (let piece; (piece = await part.read()) !== undefined;) {
        texts.push(latin(piece))
        structuredClone(piece.buffer, { transfer: [piece.buffer as ArrayBuffer] })
      }
    }
    expect(texts).toEqual(['one', 'two'])
  })
})

describe('leaves streams alone', () => {
  const large = () =>
    feed([
      bytes(`--b\r\nContent-Disposition: form-data; name=f; filename=x\r\n\r\n`),
      ...cut(new Uint8Array(1_000_000), 10_000),
      bytes('\r\n--b--'),
    ])

  test('takes nothing before it is asked, and one chunk at a time', async () => {
    const source = large()
    const form = new Multipart(source.stream.getReader(), 'b', LIMITS)
    await settled()
    expect(source.taken).toBe(0)
    const part = (await form.next())!
    expect(source.taken).toBe(1)
    await settled()
    expect(source.taken).toBe(1)
    for (let i = 2; i < 50; i++) {
      await part.read()
      await settled()
      expect(source.taken).toBe(i)
    }
  })

  test('gives the very bytes of the source, not copies', async () => {
    const chunks = cut(new Uint8Array(100_000), 10_000)
    const source = feed([bytes(`--b\r\nContent-Disposition: form-data; name=f\r\n\r\n`), ...chunks, bytes('\r\n--b--')])
    const part = (await new Multipart(source.stream.getReader(), 'b', LIMITS).next())!
    for (const chunk of chunks) expect((await part.read())!.buffer).toBe(chunk.buffer)
    expect(await part.read()).toBeUndefined()
  })

  test('tells of each chunk, and of the bytes so far', async () => {
    const seen: number[] = []
    const chunks = cut(bytes(`${field('a', 'x'.repeat(100))}--b--`), 50)
    const form = new Multipart(feed(chunks).stream.getReader(), 'b', LIMITS, (received) => seen.push(received))
    while (await form.next() !== undefined);
    expect(seen).toEqual([50, 100, 150, 156])
  })

  test('what is not read of a part is skipped', async () => {
    const whole = bytes(`${field('a', 'x'.repeat(10_000))}${field('b', '2')}--b--`)
    const form = new Multipart(feed(cut(whole, 100)).stream.getReader(), 'b', LIMITS)
    const first = (await form.next())!
    expect((await first.read())!.byteLength).toBeGreaterThan(0)
    const second = (await form.next())!
    expect(second.name).toBe('b')
    expect(await textOf(second, 10)).toBe('2')
    expect(await form.next()).toBeUndefined()
  })

  test('a part that was left in the middle does not pass for a short one', async () => {
    const whole = bytes(`${field('a', 'x'.repeat(1_000))}${field('b', 'y'.repeat(1_000))}--b--`)
    const form = new Multipart(feed(cut(whole, 100)).stream.getReader(), 'b', LIMITS)
    const first = (await form.next())!
    await first.read()
    // Asked for at the same time: the piece goes first, then the rest is skipped.
    const [piece, second] = await Promise.all([first.read(), form.next()])
    expect(latin(piece!)).toMatch(/^x+$/)
    await expect(first.read()).rejects.toThrow(TypeError)
    // And nobody else suffers.
    expect(await textOf(second!, 10_000)).toBe('y'.repeat(1_000))
    expect(await second!.read()).toBeUndefined()
    expect(await form.next()).toBeUndefined()
  })

  test('a body is read to its end, so that the connection can be used again', async () => {
    const source = feed(cut(bytes(`${field('a', '1')}--b--\r\n${'epilogue '.repeat(100)}`), 50))
    const form = new Multipart(source.stream.getReader(), 'b', LIMITS)
    while (await form.next() !== undefined);
    expect(source.taken).toBeGreaterThan(18)
    expect(source.cancelled).toEqual([])
  })
})
