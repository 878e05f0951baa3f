/**
 * What a file's first bytes say: a parser for each format that no fixed signature tells. Each takes bytes of any number
 * and any kind, throws nothing, and reads each of them a few times at most.
 *
 * Source: WHATWG MIME Sniffing §6; ISO/IEC 14496-12 §4.3; QuickTime File Format; ISO/IEC 13818-1 §2.5.3.3 and 13818-2
 * §6.2.2; RFC 8794 §11; RFC 3533 §6; ID3v2.4 §3; ISO/IEC 11172-3 §2.4.1.3.
 */

/** Do these characters, a byte each, stand at `at`? Beyond the end nothing stands. */
export function has(head: Uint8Array, characters: string, at = 0): boolean {
  for (let i = 0; i < characters.length; i++) {
    if (head[at + i] !== characters.charCodeAt(i)) return false
  }
  return true
}

function latin(head: Uint8Array, at: number, length: number): string {
  return String.fromCharCode(...head.subarray(at, at + length))
}

/** A number of four bytes, the highest first; NaN beyond the end. */
function uint32(head: Uint8Array, at: number): number {
  return head[at]! * 2 ** 24 + head[at + 1]! * 2 ** 16 + head[at + 2]! * 2 ** 8 + head[at + 3]!
}

/** What a file of ISO's media format says it is first of all; `''` if it is none. */
export function brandOf(head: Uint8Array): string {
  const size = uint32(head, 0) // of the box: two brands at least, and never many
  return has(head, 'ftyp', 4) && size >= 16 && size < 2 ** 16 && size % 4 === 0 ? latin(head, 8, 4) : ''
}

const FILLERS = /^(?:free|skip|wide)$/

/** Atoms as QuickTime wrote them before `ftyp`: fillers, then the film's description or its data. */
export function isOldQuickTime(head: Uint8Array): boolean {
  let at = 0
  while (at === 0 || at + 8 <= head.length) {
    const size = uint32(head, at)
    const type = latin(head, at + 4, 4)
    if (type === 'mdat') return size < 2 || size >= 8 // 0: all that follows; 1: the size follows, in eight bytes
    // Smaller than 16 MB: the first byte is 0, which is in no text, where the words are.
    if (!(size >= 8 && size < 2 ** 24)) return false
    if (type === 'moov') return true
    if (!FILLERS.test(type)) return false
    at += size
  }
  return true
}

export function isProgramStream(head: Uint8Array): boolean {
  // The bits of MPEG-1, or of MPEG-2, that a pack header has set.
  return has(head, '\0\0\x01\xba') && ((head[4]! & 0xf1) === 0x21 || (head[4]! & 0xc4) === 0x44)
}

/** A sequence header with a width, a height, an aspect, a frame rate and the bit that is always set. */
export function isMpegVideo(head: Uint8Array): boolean {
  if (!has(head, '\0\0\x01\xb3')) return false
  const measures = uint32(head, 4)
  const rate = measures & 15
  return measures >>> 20 > 0 && (measures >>> 8 & 0xfff) > 0 && (measures & 0xf0) > 0 && rate > 0 && rate < 9 &&
    (head[10]! & 0x20) > 0
}

/** EBML (RFC 8794) whose header holds the DocType `webm`. */
export function isWebM(head: Uint8Array): boolean {
  if (!has(head, '\x1a\x45\xdf\xa3')) return false
  let at = 4
  /** A number whose leading zero bits tell how many bytes follow; NaN where it is cut or none. */
  const vint = (): number => {
    const first = head[at] ?? 0
    const length = Math.clz32(first) - 23
    let value = length > 8 ? Number.NaN : first & (0xff >> length)
    for (let i = 1; i < length; i++) value = value * 256 + head[at + i]!
    at += length
    return value
  }
  const size = vint()
  const end = at + size
  while (at < head.length) {
    const isDocType = has(head, '\x42\x82', at)
    vint() // the element's name
    const length = vint()
    if (isDocType) return at + length <= end && length < 64 && /^webm\0*$/.test(latin(head, at, length))
    at += length
  }
  return false
}

/** An ID3v2 tag, or several; then, if that is within the head, a frame of layer III, and another where it ends. */
export function isMp3(head: Uint8Array): boolean {
  let at = 0
  while (has(head, 'ID3', at)) {
    const [version = 0, , flags = 0, a = 255, b = 255, c = 255, d = 255] = head.subarray(at + 3)
    if (version < 2 || version > 4 || (a | b | c | d) > 127) return false
    at += 10 + (a << 21 | b << 14 | c << 7 | d) + ((flags & 0x10) > 0 ? 10 : 0) // a footer
  }
  if (at > 0) {
    while (head[at] === 0) at++
    if (at + 4 > head.length) return true
  }
  const next = at + frameLength(head, at)
  return next > at && (next + 4 > head.length || frameLength(head, next) > 0)
}

/** In kbit/s, for MPEG-1 and for MPEG-2. */
const BITRATES = [
  [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
] as const

const RATES = [44_100, 48_000, 32_000] as const

/** How long the frame of layer III at `at` is; 0 where there is none. */
function frameLength(head: Uint8Array, at: number): number {
  const [sync, id = 0, rates = 0, emphasis] = head.subarray(at, at + 4)
  const version = id >> 3 & 3 // 3: MPEG-1, 2: MPEG-2, 1: none, 0: what is called MPEG-2.5
  if (sync !== 0xff || (id & 0xe6) !== 0xe2 || version === 1 || emphasis === undefined || (emphasis & 3) === 2) return 0
  const bitrate = BITRATES[version === 3 ? 0 : 1][rates >> 4]
  const rate = RATES[rates >> 2 & 3]
  if (!bitrate || rate === undefined) return 0
  return Math.floor((version === 0 ? 288_000 : 144_000) * bitrate / rate) + (rates >> 1 & 1)
}

const OGG_AUDIO = ['\x01vorbis', 'OpusHead', '\x7fFLAC', 'Speex   '] as const

/** Pages that begin streams come first, one for each: all must hold sound, or the index of what does. */
export function isOggAudio(head: Uint8Array): boolean {
  let found = false
  for (let at = 0; has(head, 'OggS\0', at) && (head[at + 5]! & 2) > 0;) {
    const segments = head.subarray(at + 27, at + 27 + head[at + 26]!)
    at += 27 + head[at + 26]!
    if (OGG_AUDIO.some((codec) => has(head, codec, at))) found = true
    else if (!has(head, 'fishead\0', at)) return false
    for (const length of segments) at += length
  }
  return found
}
