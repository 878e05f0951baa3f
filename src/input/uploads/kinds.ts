/**
 * Kinds of files, told by their first bytes.
 *
 * By hand: a table and a few short parsers, 2.5 kB. The `file-type` package, which the tests hold them against, knows two
 * hundred more, in 22 kB, and its declarations need Node's.
 *
 * A kind tells what a file claims to be; not that it is sound, nor that it is nothing else. Bytes can be a GIF and PHP at
 * once, and every look at the first of them takes those for a GIF. What protects is what follows: a file is stored under
 * its `key`, with the type and the extension of its kind, so that nothing takes it for the other.
 *
 * What browsers and servers run (HTML, SVG, XML, scripts) has no kind, on purpose.
 */
import { mediaType } from '../../core/fields.ts'
import { show } from '../../core/quantity.ts'
import type { FileKind, FileRule } from './file.ts'
import { brandOf, has, isMp3, isMpegVideo, isOggAudio, isOldQuickTime, isProgramStream, isWebM } from './first-bytes.ts'

/** The first of `kinds` that a file with these first bytes is of. */
export function kindOf(head: Uint8Array, kinds: readonly FileKind[]): FileKind | undefined {
  return kinds.find((kind) => kind.matches(head))
}

/** JPEG; not JPEG-LS, which begins alike. */
export const jpeg: FileKind = {
  type: 'image/jpeg',
  aliases: ['image/jpg', 'image/pjpeg'],
  extensions: ['jpg', 'jpeg', 'jpe', 'jfif'],
  matches: (head) => has(head, '\xff\xd8\xff') && head[3]! >= 0xc0 && head[3] !== 0xf7,
}

/** PNG, moving or not. */
export const png: FileKind = {
  type: 'image/png',
  aliases: ['image/x-png', 'image/apng', 'image/vnd.mozilla.apng'],
  extensions: ['png', 'apng'],
  matches: (head) => has(head, '\x89PNG\r\n\x1a\n\0\0\0\rIHDR'),
}

export const gif: FileKind = {
  type: 'image/gif',
  extensions: ['gif'],
  matches: (head) => has(head, 'GIF87a') || has(head, 'GIF89a'),
}

export const webp: FileKind = {
  type: 'image/webp',
  extensions: ['webp'],
  matches: (head) => has(head, 'RIFF') && has(head, 'WEBPVP8', 8),
}

/** Of ISO's media format, those that are `video/mp4`. */
const MP4_BRANDS = /^(?:iso[2-9a-cm]|mp4[12]|avc1|hvc1|av01|dash|cmf[2c]|mmp4|M4V[ HP]|F4V |MSNV|XAVC|dby1)$/

/** MP4 and M4V. Not its kin with types of their own: 3GPP, M4A, HEIC, AVIF. */
export const mp4: FileKind = {
  type: 'video/mp4',
  aliases: ['video/x-m4v', 'application/mp4'],
  extensions: ['mp4', 'm4v'],
  matches: (head) => MP4_BRANDS.test(brandOf(head)),
}

/** QuickTime, also from before files said their brand. */
export const mov: FileKind = {
  type: 'video/quicktime',
  extensions: ['mov', 'qt'],
  matches: (head) => brandOf(head) === 'qt  ' || isOldQuickTime(head),
}

/** MPEG-1 and MPEG-2: program streams, and video alone. */
export const mpeg: FileKind = {
  type: 'video/mpeg',
  aliases: ['video/mpg', 'video/x-mpeg', 'video/x-mpg', 'video/mp1s', 'video/mp2p'],
  extensions: ['mpg', 'mpeg', 'mpe'],
  matches: (head) => isProgramStream(head) || isMpegVideo(head),
}

export const avi: FileKind = {
  type: 'video/x-msvideo',
  aliases: ['video/vnd.avi', 'video/avi', 'video/msvideo'],
  extensions: ['avi'],
  matches: (head) => has(head, 'RIFF') && has(head, 'AVI ', 8),
}

/** WebM with pictures, as far as its first bytes tell; not other Matroska. */
export const webm: FileKind = {
  type: 'video/webm',
  extensions: ['webm'],
  matches: isWebM,
}

/** The same bytes, for fields that take sound. Clients go by the extension, and declare it to be video. */
export const webmAudio: FileKind = {
  type: 'audio/webm',
  aliases: ['video/webm'],
  extensions: ['webm', 'weba'],
  matches: isWebM,
}

export const mp3: FileKind = {
  type: 'audio/mpeg',
  aliases: ['audio/mp3', 'audio/x-mp3', 'audio/mpeg3', 'audio/x-mpeg-3', 'audio/x-mpeg', 'audio/mpg', 'audio/x-mpg'],
  extensions: ['mp3'],
  matches: isMp3,
}

export const wav: FileKind = {
  type: 'audio/wav',
  aliases: ['audio/x-wav', 'audio/wave', 'audio/vnd.wave', 'audio/x-pn-wav'],
  extensions: ['wav', 'wave'],
  matches: (head) => has(head, 'RIFF') && has(head, 'WAVE', 8),
}

/** Ogg that holds nothing but Vorbis, Opus, FLAC or Speex. */
export const ogg: FileKind = {
  type: 'audio/ogg',
  aliases: ['application/ogg', 'audio/x-ogg', 'audio/opus', 'audio/vorbis', 'audio/speex', 'video/ogg'],
  extensions: ['ogg', 'oga', 'opus', 'spx'],
  matches: isOggAudio,
}

/** PDF that begins at the first byte. It may hold scripts and links: serve it with `Content-Disposition: attachment`. */
export const pdf: FileKind = {
  type: 'application/pdf',
  aliases: ['application/x-pdf'],
  extensions: ['pdf'],
  matches: (head) => has(head, '%PDF-'),
}

/** ZIP, and whatever is one under another name: documents of Office, JARs, APKs. Nothing looks inside. */
export const zip: FileKind = {
  type: 'application/zip',
  aliases: ['application/x-zip-compressed', 'application/x-zip'],
  extensions: ['zip'],
  matches: (head) => has(head, 'PK\x03\x04') || has(head, 'PK\x05\x06'), // the second: an empty one
}

/** What runs somewhere when it is served under such a type or extension. */
const ACTIVE = /htm|xht|xml|xsl|svg|script|css|php|^[cm]?[jt]sx?$|^(?:aspx?|jspx?|cgi|pl|py|rb|sh|bat|cmd|ps1|vbs|hta)$/

/**
 * Text in UTF-8, such as CSV. Refuses control characters other than tab and line ends, and what begins with `<`, as HTML,
 * SVG and XML do. Throws a TypeError for a type or an extension that something would run.
 *
 * @example
 * textKind('text/csv', 'csv')
 */
export function textKind(type: string, ...extensions: readonly string[]): FileKind {
  if (type === '' || mediaType(type) !== type || ACTIVE.test(type)) {
    throw new TypeError(`textKind: type must be a media type in lower case that nothing runs, got ${show(type)}`)
  }
  const wrong = extensions.find((one) => !/^[a-z0-9]{1,10}$/.test(one) || ACTIVE.test(one))
  if (extensions.length === 0 || wrong !== undefined) {
    throw new TypeError(`textKind: extensions must be like 'csv', and none that something runs, got ${show(wrong)}`)
  }
  return { type, extensions, matches: isPlainText }
}

/** Pictures for the web: JPEG, PNG, GIF and WebP of at most 10 MB. */
export const images: FileRule = { kinds: [jpeg, png, gif, webp], max: '10mb' }

/** MP4, MPEG, QuickTime, AVI and WebM of at most 500 MB. */
export const videos: FileRule = { kinds: [mp4, mpeg, mov, avi, webm], max: '500mb' }

/** MP3, WAV, Ogg and WebM of at most 50 MB. */
export const audio: FileRule = { kinds: [mp3, wav, ogg, webmAudio], max: '50mb' }

// deno-lint-ignore no-control-regex
const CONTROL = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/

function isPlainText(head: Uint8Array): boolean {
  try {
    // As of a stream, so that a character may be cut where the head ends.
    const text = new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true })
    return !CONTROL.test(text) && !text.trimStart().startsWith('<')
  } catch {
    return false
  }
}
