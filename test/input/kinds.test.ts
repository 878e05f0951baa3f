import fc from 'fast-check'
import { fileTypeFromBuffer } from 'file-type'
import { describe, expect, test } from 'vitest'
import { mediaType } from '../../src/core/fields.ts'
import type { FileKind, FileRule } from '../../src/input/uploads/file.ts'
import {
  audio,
  avi,
  gif,
  images,
  jpeg,
  kindOf,
  mov,
  mp3,
  mp4,
  mpeg,
  ogg,
  pdf,
  png,
  textKind,
  videos,
  wav,
  webm,
  webmAudio,
  webp,
  zip,
} from '../../src/input/uploads/kinds.ts'

/** Bytes from numbers, text (a byte each) and other bytes. */
function bytes(...parts: readonly (number | string | Uint8Array)[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => {
    if (typeof part === 'number') return [part]
    return typeof part === 'string' ? Array.from(part, (one) => one.charCodeAt(0)) : [...part]
  }))
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
const zeros = (count: number): Uint8Array => new Uint8Array(count)
const big = (value: number): Uint8Array => bytes(value >>> 24, value >>> 16 & 255, value >>> 8 & 255, value & 255)
const little = (value: number): Uint8Array => big(value).reverse()

/** What stands at the beginning of each container, as its specification has it. */
const chunk = (type: string, data: Uint8Array): Uint8Array => bytes(big(data.length), type, data, 0, 0, 0, 0)
const pngOf = (...chunks: Uint8Array[]): Uint8Array => bytes('\x89PNG\r\n\x1a\n', ...chunks)
const ihdr = chunk('IHDR', bytes(big(1), big(1), 8, 2, 0, 0, 0))
const riff = (form: string, ...data: (number | string | Uint8Array)[]): Uint8Array => {
  const body = bytes(form, ...data)
  return bytes('RIFF', little(body.length), body)
}
const box = (type: string, ...data: (number | string | Uint8Array)[]): Uint8Array => {
  const body = bytes(...data)
  return bytes(big(body.length + 8), type, body)
}
const media = (brand: string, compatible = 'isomiso2avc1mp41'): Uint8Array =>
  bytes(box('ftyp', brand, big(512), compatible), box('free'), box('mdat', zeros(64)))
const element = (id: string, data: string | Uint8Array): Uint8Array => bytes(id, 0x80 | data.length, data)
const ebml = (...elements: Uint8Array[]): Uint8Array =>
  bytes(
    element('\x1a\x45\xdf\xa3', bytes(...elements)),
    '\x18\x53\x80\x67',
    1,
    '\xff\xff\xff\xff\xff\xff\xff',
    zeros(20),
  )
const version = bytes('\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08')
const doctype = (name: string): Uint8Array => element('\x42\x82', name)
const page = (flags: number, ...packet: (number | string | Uint8Array)[]): Uint8Array => {
  const body = bytes(...packet)
  return bytes('OggS', 0, flags, zeros(8), little(1), little(0), little(0), 1, body.length, body)
}
const vorbis = page(2, '\x01vorbis', zeros(4), 2, little(44_100), zeros(13))
const opus = page(2, 'OpusHead', 1, 2, zeros(9))
const theora = page(2, '\x80theora', 3, 2, 1, zeros(32))
const skeleton = page(2, 'fishead\0', zeros(56))
const moreVorbis = page(0, '\x03vorbis', zeros(40))
const tag = (size: number, version = 3, flags = 0): Uint8Array =>
  bytes(
    'ID3',
    version,
    0,
    flags,
    size >> 21 & 127,
    size >> 14 & 127,
    size >> 7 & 127,
    size & 127,
    zeros(Math.min(size, 8_000)),
  )
/** A frame of layer III: 128 kbit/s at 44.1 kHz, 417 bytes. */
const frame = bytes(0xff, 0xfb, 0x90, 0x64, zeros(413))
const programStream = bytes(0, 0, 1, 0xba, 0x44, 0, 4, 0, 4, 1, 0, 3, 0xf8, zeros(60))
const sequence = bytes(0, 0, 1, 0xb3, 0x16, 0x01, 0x20, 0x13, 0xff, 0xff, 0xe0, 0x18, zeros(60))

const samples: readonly (readonly [string, FileKind, string, Uint8Array])[] = [
  ['JPEG, JFIF', jpeg, 'jpg', bytes('\xff\xd8\xff\xe0', 0, 16, 'JFIF\0', 1, 1, 0, 0, 1, 0, 1, 0, 0, zeros(40))],
  ['JPEG, Exif', jpeg, 'jpg', bytes('\xff\xd8\xff\xe1', 0, 30, 'Exif\0\0MM', 0, 42, zeros(40))],
  ['JPEG, neither', jpeg, 'jpg', bytes('\xff\xd8\xff\xdb', 0, 67, 0, zeros(64))],
  ['PNG', png, 'png', pngOf(ihdr, chunk('IDAT', zeros(12)), chunk('IEND', zeros(0)))],
  ['PNG, moving', png, 'png', pngOf(ihdr, chunk('acTL', zeros(8)), chunk('IDAT', zeros(12)))],
  ['GIF of 1987', gif, 'gif', bytes('GIF87a', 1, 0, 1, 0, 0, 0, 0, ',', zeros(12), ';')],
  ['GIF of 1989', gif, 'gif', bytes('GIF89a', 1, 0, 1, 0, 0x80, 0, 0, zeros(6), ',', zeros(12), ';')],
  ['WebP, lossy', webp, 'webp', riff('WEBP', 'VP8 ', little(10), zeros(10))],
  ['WebP, lossless', webp, 'webp', riff('WEBP', 'VP8L', little(10), '/', zeros(9))],
  ['WebP, extended', webp, 'webp', riff('WEBP', 'VP8X', little(10), zeros(10))],
  ...['isom', 'iso2', 'iso5', 'iso6', 'mp41', 'mp42', 'avc1', 'hvc1', 'dash', 'cmfc', 'M4V ', 'M4VP', 'MSNV', 'XAVC']
    .map(
      (brand): [string, FileKind, string, Uint8Array] => [`MP4, ${brand}`, mp4, 'mp4', media(brand)],
    ),
  ['QuickTime', mov, 'mov', media('qt  ', 'qt  ')],
  ['QuickTime, description first', mov, 'mov', bytes(box('moov', box('mvhd', zeros(100))), box('mdat', zeros(20)))],
  ['QuickTime, data first', mov, 'mov', bytes(big(3_000_000_000), 'mdat', zeros(60))],
  ['QuickTime, data to the end', mov, 'mov', bytes(big(0), 'mdat', zeros(60))],
  ['QuickTime, wide and data', mov, 'mov', bytes(box('wide'), big(5_000), 'mdat', zeros(60))],
  ['QuickTime, room first', mov, 'mov', bytes(box('free', zeros(100)), box('wide'), box('moov', zeros(20)))],
  ['QuickTime, much room first', mov, 'mov', bytes(box('free', zeros(65_536)))],
  ['MPEG-2 program stream', mpeg, 'mpg', programStream],
  ['MPEG-1 program stream', mpeg, 'mpg', bytes(0, 0, 1, 0xba, 0x21, 0, 1, 0, 1, 0x80, 0, 1, zeros(60))],
  ['MPEG video', mpeg, 'mpg', sequence],
  ['AVI', avi, 'avi', riff('AVI ', 'LIST', little(192), 'hdrlavih', zeros(60))],
  ['WebM', webm, 'webm', ebml(version, doctype('webm'), bytes('\x42\x87\x81\x04\x42\x85\x81\x02'))],
  ['WebM, padded', webm, 'webm', ebml(version, doctype('webm\0\0'))],
  ['WebM, with a void', webm, 'webm', ebml(element('\xec', 'matroska'), doctype('webm'))],
  [
    'WebM, sizes of eight bytes',
    webm,
    'webm',
    bytes('\x1a\x45\xdf\xa3', 1, zeros(6), 20, '\x42\x82', 1, zeros(6), 4, 'webm', zeros(40)),
  ],
  ['MP3, frames', mp3, 'mp3', bytes(frame, frame, frame)],
  ['MP3 of MPEG-2', mp3, 'mp3', bytes(0xff, 0xf3, 0x84, 0x64, zeros(188), 0xff, 0xf3, 0x84, 0x64, zeros(188))],
  ['MP3 of MPEG-2.5', mp3, 'mp3', bytes(0xff, 0xe3, 0x48, 0xc4, zeros(284), 0xff, 0xe3, 0x48, 0xc4, zeros(284))],
  ['MP3, tagged', mp3, 'mp3', bytes(tag(100), frame, frame)],
  ['MP3, tagged with a cover', mp3, 'mp3', tag(300_000)],
  ['MP3, tagged and padded', mp3, 'mp3', bytes(tag(100), zeros(30), frame, frame)],
  ['MP3, tagged twice, with a footer', mp3, 'mp3', bytes(tag(20, 4, 0x10), '3DI', zeros(7), tag(50), frame, frame)],
  ['WAV', wav, 'wav', riff('WAVE', 'fmt ', little(16), 1, 0, 2, 0)],
  ['Ogg, Vorbis', ogg, 'ogg', bytes(vorbis, moreVorbis)],
  ['Ogg, Opus', ogg, 'ogg', bytes(opus, page(0, 'OpusTags', zeros(20)))],
  ['Ogg, FLAC', ogg, 'ogg', bytes(page(2, '\x7fFLAC', 1, 0, 0, 1, 'fLaC', zeros(38)))],
  ['Ogg, Speex', ogg, 'ogg', bytes(page(2, 'Speex   1.2', zeros(69)))],
  ['Ogg, indexed', ogg, 'ogg', bytes(skeleton, vorbis, moreVorbis)],
  ['PDF', pdf, 'pdf', bytes('%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n')],
  ['ZIP', zip, 'zip', bytes('PK\x03\x04', 20, 0, 0, 0, 0, 0, zeros(16), 5, 0, 0, 0, 'a.txt', zeros(40))],
  ['ZIP, empty', zip, 'zip', bytes('PK\x05\x06', zeros(18))],
]

/** Files of kinds that we do not have, which file-type knows. */
const strangers: readonly (readonly [string, Uint8Array])[] = [
  ['JPEG-LS', bytes('\xff\xd8\xff\xf7', 0, 11, zeros(40))],
  ['HEIC', media('heic', 'mif1heicisom')],
  ['AVIF', media('avif', 'avifmif1miafisommp42')],
  ['3GPP', media('3gp5', '3gp5isom')],
  ['M4A', media('M4A ', 'M4A mp42isom')],
  ['an audio book', media('M4B ', 'M4A mp42isom')],
  ['Canon RAW', media('crx ', 'crx isom')],
  ['Matroska', ebml(version, doctype('matroska'))],
  ['Ogg, Theora', bytes(theora, vorbis, moreVorbis)],
  ['FLAC', bytes('fLaC', 0, 0, 0, 34, zeros(40))],
  ['FLAC behind an ID3 tag', bytes(tag(100), 'fLaC', 0, 0, 0, 34, zeros(1_000))],
  ['AAC', bytes(0xff, 0xf1, 0x50, 0x80, 0x2e, 0x7f, 0xfc, zeros(1_000))],
  ['RIFF of another form', riff('QLCM', 'fmt ', zeros(40))],
  ['RIFF of an unknown form', riff('ACON', 'LIST', zeros(40))],
  ['a bitmap', bytes('BM', little(70), zeros(64))],
  ['TIFF', bytes('II*\0', little(8), zeros(40))],
  ['an icon', bytes(0, 0, 1, 0, 1, 0, 16, 16, zeros(40))],
  ['a program for Windows', bytes('MZ', 0x90, 0, zeros(100))],
  ['a program for Linux', bytes('\x7fELF', 2, 1, 1, zeros(60))],
  ['gzip', bytes(0x1f, 0x8b, 8, 0, zeros(20))],
  ['RAR', bytes('Rar!\x1a\x07\x01\0', zeros(20))],
  ['WebAssembly', bytes('\0asm', 1, 0, 0, 0)],
]

/** What is cut, amiss, or hides behind a word in the right place. */
const confusions: readonly (readonly [string, Uint8Array])[] = [
  ['nothing', zeros(0)],
  ['zeros', zeros(4_100)],
  ['a signature of JPEG and no more', bytes('\xff\xd8\xff')],
  ['PNG without its header', pngOf(chunk('IDAT', zeros(40)))],
  ['PNG as Apple bends it', pngOf(chunk('CgBI', zeros(4)), ihdr)],
  ['PNG whose line ends were converted', bytes('\x89PNG\n\x1a\n', ihdr)],
  ['GIF of another year', bytes('GIF88a', zeros(20))],
  ['a word that begins with GIF', bytes('GIFT89a', zeros(20))],
  ['WebP without pictures', riff('WEBP', 'ICCP', zeros(20))],
  ['RIFX', bytes('RIFX', zeros(4), 'WAVEfmt ', zeros(20))],
  ['text with ftyp in it', bytes('the ftypisom box', zeros(20))],
  ['an ftyp of an impossible size', bytes(big(9), 'ftypisom', zeros(40))],
  ['an ftyp of no whole number of brands', bytes(big(18), 'ftypisom', zeros(40))],
  ['an ftyp without room for a brand', bytes(big(8), 'ftypisom', zeros(40))],
  ['an unknown brand', media('evil', 'isommp42')],
  ['text with free in it', bytes('I am free, and so are you, said the moov')],
  ['text with moov in it', bytes('xxxxmoov and more')],
  ['a filler, then something unknown', bytes(box('free', zeros(10)), box('evil', zeros(10)))],
  ['an atom smaller than its own head', bytes(big(7), 'moov', zeros(20))],
  ['filler that does not move on', bytes(big(0), 'free', zeros(20))],
  ['an MPEG pack with neither pattern', bytes(0, 0, 1, 0xba, 0xff, zeros(20))],
  ['MPEG video of no width', bytes(0, 0, 1, 0xb3, 0, 1, 0x20, 0x13, 0xff, 0xff, 0xe0, 0x18)],
  ['MPEG video of no height', bytes(0, 0, 1, 0xb3, 0x16, 0, 0, 0x13, 0xff, 0xff, 0xe0, 0x18)],
  ['MPEG video of no rate', bytes(0, 0, 1, 0xb3, 0x16, 1, 0x20, 0x10, 0xff, 0xff, 0xe0, 0x18)],
  ['MPEG video of an unknown rate', bytes(0, 0, 1, 0xb3, 0x16, 1, 0x20, 0x19, 0xff, 0xff, 0xe0, 0x18)],
  ['MPEG video of no aspect', bytes(0, 0, 1, 0xb3, 0x16, 1, 0x20, 0x03, 0xff, 0xff, 0xe0, 0x18)],
  ['MPEG video without the bit', bytes(0, 0, 1, 0xb3, 0x16, 1, 0x20, 0x13, 0xff, 0xff, 0xc0, 0x18)],
  ['MPEG elsewhere: a picture alone', bytes(0, 0, 1, 0, zeros(20))],
  ['Matroska with webm where it does not count', ebml(element('\xec', 'B\x82\x84webm'), doctype('matroska'))],
  ['EBML of a longer name', ebml(doctype('webmx'))],
  ['EBML of a shorter name', ebml(doctype('web'))],
  ['EBML without a name', ebml(version)],
  ['EBML whose name is beyond its header', bytes(element('\x1a\x45\xdf\xa3', version), doctype('webm'))],
  ['EBML whose name ends beyond its header', bytes('\x1a\x45\xdf\xa3\x85\x42\x82\x84webm', zeros(20))],
  ['EBML of a size of nine bytes', bytes('\x1a\x45\xdf\xa3', 0, zeros(7), 20, doctype('webm'), zeros(40))],
  ['EBML of no size', bytes('\x1a\x45\xdf\xa3', 0, doctype('webm'))],
  ['an ID3 tag of an unknown version', tag(100, 9)],
  ['an ID3 tag whose size is not one', bytes('ID3', 3, 0, 0, 0x80, 0, 0, 0, frame, frame)],
  ['a word that begins with ID3', bytes('ID3 tags are fun', zeros(20))],
  ['text behind an ID3 tag', bytes(tag(100), '<script>alert(1)</script>', zeros(40))],
  ['one frame, and then none', bytes(frame, zeros(500))],
  ['a frame of no bitrate', bytes(0xff, 0xfb, 0xf0, 0x64, zeros(20))],
  ['a frame of a free bitrate', bytes(0xff, 0xfb, 0x00, 0x64, zeros(20))],
  ['a frame of a free bitrate, padded', bytes(0xff, 0xfb, 0x02, 0x64)],
  ['half a frame header', bytes(0xff, 0xfb, 0x90)],
  ['a frame of no rate', bytes(0xff, 0xfb, 0x9c, 0x64, zeros(20))],
  ['a frame of no version', bytes(0xff, 0xeb, 0x90, 0x64, zeros(20))],
  ['a frame of layer II', bytes(0xff, 0xfd, 0x90, 0x64, zeros(20))],
  ['a frame of no emphasis', bytes(0xff, 0xfb, 0x90, 0x66, zeros(20))],
  ['text in UTF-16', bytes(0xff, 0xfe, 'a', 0, 'b', 0)],
  ['Ogg, Theora after Vorbis', bytes(vorbis, theora, moreVorbis)],
  ['Ogg, an index of nothing', bytes(skeleton, moreVorbis)],
  ['Ogg of an unknown codec', page(2, 'evil', zeros(40))],
  ['Ogg from the middle', bytes(moreVorbis, moreVorbis)],
  ['a PDF that does not begin at once', bytes('\n%PDF-1.7\n')],
  ['the middle of a ZIP', bytes('PK\x01\x02', zeros(40))],
]

const everything = [jpeg, png, gif, webp, mp4, mov, mpeg, avi, webm, mp3, wav, ogg, pdf, zip]
const heads = samples.map(([, , , sample]) => sample.subarray(0, 4_100))

describe('V11: lets the good through', () => {
  test.each(samples)('%s', (_name, kind, extension, sample) => {
    const head = sample.subarray(0, 4_100)
    expect(kindOf(head, everything)?.type).toBe(kind.type)
    expect(kind.extensions[0]).toBe(extension)
    // The one and no other.
    expect(everything.filter((one) => one.matches(head))).toEqual([kind])
  })

  test('WebM is sound where a field takes sound, and a film where it takes films', () => {
    const head = ebml(version, doctype('webm'))
    expect(kindOf(head, videos.kinds)).toBe(webm)
    expect(kindOf(head, audio.kinds)).toBe(webmAudio)
    expect(webmAudio.aliases).toContain('video/webm')
  })

  test('the presets take what they say, and no more of it', () => {
    const types = ({ kinds }: FileRule): string[] => kinds.map(({ type }) => type)
    expect(types(images)).toEqual(['image/jpeg', 'image/png', 'image/gif', 'image/webp'])
    expect(types(videos)).toEqual(['video/mp4', 'video/mpeg', 'video/quicktime', 'video/x-msvideo', 'video/webm'])
    expect(types(audio)).toEqual(['audio/mpeg', 'audio/wav', 'audio/ogg', 'audio/webm'])
    expect([images.max, videos.max, audio.max]).toEqual(['10mb', '500mb', '50mb'])
  })

  test('types are in lower case, without parameters, and each belongs to one kind', () => {
    const types = everything.flatMap(({ type, aliases = [] }) => [type, ...aliases])
    expect(types.filter((type) => mediaType(type) !== type)).toEqual([])
    expect(new Set(types).size).toBe(types.length)
    const extensions = everything.flatMap((kind) => kind.extensions)
    expect(extensions.filter((one) => !/^[a-z0-9]{1,10}$/.test(one))).toEqual([])
    expect(new Set(extensions).size).toBe(extensions.length)
  })

  test('the first of the kinds that matches counts', () => {
    const own: FileKind = { type: 'image/x-own', extensions: ['own'], matches: (head) => head[0] === 71 }
    const head = bytes('GIF89a', zeros(20))
    expect(kindOf(head, [own, gif])).toBe(own)
    expect(kindOf(head, [gif, own])).toBe(gif)
    expect(kindOf(head, [])).toBeUndefined()
  })
})

describe('agrees with file-type', () => {
  /** What it calls the sample: the type alone. */
  const oracle = async (sample: Uint8Array): Promise<string | undefined> =>
    (await fileTypeFromBuffer(sample))?.mime.split(';', 1)[0]?.toLowerCase()

  /** It expects a frame right behind a tag, and takes a tag's footer for padding. */
  const beyondIt = ['MP3, tagged and padded', 'MP3, tagged twice, with a footer']

  test.each(samples.filter(([name]) => !beyondIt.includes(name)))('on %s', async (_name, kind, _extension, sample) => {
    expect([kind.type, ...kind.aliases ?? []]).toContain(await oracle(sample))
  })

  test.each(strangers)('that %s is something else', async (_name, sample) => {
    expect(everything.map(({ type }) => type)).not.toContain(await oracle(sample))
  })
})

describe('V12: refuses the bad', () => {
  test.each([...strangers, ...confusions])('%s', (_name, sample) => {
    expect(kindOf(sample, [...everything, webmAudio])?.type).toBeUndefined()
  })

  test('what only looks alike is of no other kind either', () => {
    for (const [name, kind, , sample] of samples) {
      for (const { kinds } of [images, videos, audio]) {
        const found = kindOf(sample.subarray(0, 4_100), kinds)
        expect([name, kinds.includes(kind) ? kind.type : undefined]).toEqual([
          name,
          found === webmAudio ? undefined : found?.type,
        ])
      }
    }
  })

  test.each([
    ['a page behind the signature of a GIF', bytes('GIF89a/*<html><script>alert(1)</script>*/'), gif],
    [
      'PHP in the comment of a GIF',
      bytes('GIF89a', 1, 0, 1, 0, 0, 0, 0, '!\xfe\x1a<?php system($_GET[0]); ?>\0;'),
      gif,
    ],
    ['a ZIP behind a PDF', bytes('%PDF-1.4\n', 'PK\x03\x04', zeros(30)), pdf],
    [
      'a document of Office, which is a ZIP',
      bytes('PK\x03\x04', 20, 0, 6, 0, zeros(18), 19, 0, 0, 0, '[Content_Types].xml'),
      zip,
    ],
  ])('%s is what it claims to be: its type and extension keep it harmless', (_name, sample, kind) => {
    expect(kindOf(sample, everything)).toBe(kind)
  })

  test('what runs in browsers has no kind', () => {
    const active = [
      '<!DOCTYPE html><script>alert(1)</script>',
      '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
      '\ufeff<?xml version="1.0"?><svg/>',
      '\n \t<html>',
      'alert(1)',
      '#!/bin/sh\nid',
      '<?php phpinfo();',
    ]
    for (const text of active) expect(kindOf(utf8(text), [...everything, webmAudio])).toBeUndefined()
  })
})

describe('text', () => {
  const csv = textKind('text/csv', 'csv', 'txt')
  const kind = (text: string): boolean => csv.matches(utf8(text))

  test('is UTF-8, whatever the script, with or without a byte-order mark', () => {
    expect(csv).toMatchObject({ type: 'text/csv', extensions: ['csv', 'txt'] })
    for (const text of ['', 'a,b\r\n1,2\n', '\ufeffa;b', '名前,年齢\n', 'é\t\u{1f600}', '1 < 2', '=1+1']) {
      expect([text, kind(text)]).toEqual([text, true])
    }
  })

  test('may be cut within a character', () => {
    const whole = utf8('é\u{1f600}')
    for (let i = 0; i <= whole.length; i++) expect(csv.matches(whole.subarray(0, i))).toBe(true)
    expect(csv.matches(bytes(whole.subarray(0, 1), 'x'))).toBe(false)
    expect(csv.matches(bytes('x'))).toBe(true) // and nothing is left over from the call before
  })

  test.each(['<html>', ' \n\t<svg/>', '\ufeff<?xml?>', '\u00a0<a>', '<', '<!-- -->'])('is no markup: %j', (text) => {
    expect(kind(text)).toBe(false)
  })

  test.each(['\0', '\x01', '\x08', '\x0b', '\x0c', '\x1b', '\x1f', '\x7f', '\x80', '\x9b'])('has no %j', (control) => {
    expect(kind(`a${control}b`)).toBe(false)
  })

  test.each([
    ['Latin-1', bytes('caf\xe9,1')],
    ['UTF-16', bytes(0xff, 0xfe, 'a', 0, ',', 0)],
    ['an overlong NUL', bytes('a', 0xc0, 0x80)],
    ['half a character of UTF-16', bytes('a', 0xed, 0xa0, 0x80)],
    ['what is beyond Unicode', bytes('a', 0xf4, 0x90, 0x80, 0x80)],
  ])('is not %s', (_name, head) => {
    expect(csv.matches(head)).toBe(false)
  })

  test.each(samples)('is not %s', (_name, _kind, extension, sample) => {
    // The minimal GIF, PDF and ZIP hold binary, as real ones do.
    expect([extension, csv.matches(sample.subarray(0, 4_100))]).toEqual([extension, false])
  })

  test.each([
    ['text/html', 'txt'],
    ['image/svg+xml', 'txt'],
    ['application/xhtml+xml', 'txt'],
    ['text/javascript', 'txt'],
    ['text/css', 'txt'],
    ['application/x-httpd-php', 'txt'],
    ['Text/CSV', 'csv'],
    ['text/csv; charset=utf-8', 'csv'],
    ['csv', 'csv'],
    ['', 'csv'],
    ['text/plain', 'html'],
    ['text/plain', 'svg'],
    ['text/plain', 'txt', 'mjs'],
    ['text/plain', 'php5'],
    ['text/plain', 'phtml'],
    ['text/plain', 'sh'],
    ['text/plain', '.txt'],
    ['text/plain', 'TXT'],
    ['text/plain', 'tar.gz'],
    ['text/plain', ''],
    ['text/plain'],
  ])('is not declared as what something runs, nor amiss: %s %s %s', (type, ...extensions) => {
    expect(() => textKind(type, ...extensions)).toThrow(TypeError)
  })

  test.each([
    ['text/plain', 'txt', 'text', 'log'],
    ['text/csv', 'csv'],
    ['text/markdown', 'md'],
    ['text/calendar', 'ics'],
    ['text/vtt', 'vtt'],
    ['application/json', 'json'],
    ['application/x-subrip', 'srt'],
    ['text/tab-separated-values', 'tsv'],
  ])('is declared as %s', (type, ...extensions) => {
    expect(textKind(type, ...extensions)).toMatchObject({ type, extensions })
  })
})

describe('survives the broken', () => {
  const all = [...everything, webmAudio, textKind('text/plain', 'txt')]

  test.each(samples)('%s, cut anywhere: nothing, or the same', (_name, kind, _extension, sample) => {
    for (let length = 0; length < Math.min(sample.length, 1_200); length++) {
      const found = kindOf(sample.subarray(0, length), everything)
      expect([length, found ?? kind]).toEqual([length, kind])
    }
  })

  test('any bytes at all', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 4_100 }), (head) => {
      for (const kind of all) kind.matches(head)
    }))
  })

  test('any bytes behind a good beginning', () => {
    const beginning = fc.tuple(fc.constantFrom(...heads), fc.nat(64)).map(([head, length]) => head.subarray(0, length))
    fc.assert(
      fc.property(beginning, fc.uint8Array({ maxLength: 300 }), (begin, rest) => {
        const head = bytes(begin, rest)
        for (const kind of all) expect(kind.matches(head)).toBeTypeOf('boolean')
      }),
      { numRuns: 2_000 },
    )
  })

  test('any byte changed in a good one', () => {
    fc.assert(
      fc.property(fc.constantFrom(...heads), fc.nat(), fc.nat(255), (head, at, value) => {
        const changed = head.slice()
        changed[at % Math.min(head.length, 80)] = value
        for (const kind of all) kind.matches(changed)
      }),
      { numRuns: 2_000 },
    )
  })

  test('looks at hostile beginnings in no time', () => {
    const repeated = (one: Uint8Array): Uint8Array =>
      bytes(...Array<Uint8Array>(Math.ceil(4_100 / one.length)).fill(one))
    const hostile = [
      repeated(page(2, '\x01vorbis')).subarray(0, 4_100),
      repeated(bytes('OggS', 0, 2, zeros(20), 0)).subarray(0, 4_100),
      repeated(bytes('ID3', 4, 0, 0, 0, 0, 0, 0)).subarray(0, 4_100),
      bytes('ID3', 4, 0, 0, 0, 0, 0, 0, zeros(4_090)),
      repeated(box('free')).subarray(0, 4_100),
      bytes('\x1a\x45\xdf\xa3\x4f\xff', repeated(bytes(0xec, 0x80))).subarray(0, 4_100),
      utf8(' '.repeat(4_100)),
      zeros(4_100),
    ]
    const started = performance.now()
    for (let i = 0; i < 100; i++) {
      for (const head of hostile) for (const kind of all) kind.matches(head)
    }
    expect(performance.now() - started).toBeLessThan(2_000)
  })
})
