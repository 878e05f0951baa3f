/** Names of files, from what clients call them: for people to read, and harmless wherever they end up. */

/** What nobody sees, or what turns what one sees around: controls, formats, private and half characters, line ends. */
const INVISIBLE = /[\p{C}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}]/gu
const FORBIDDEN = /[<>:"|?*]/g
const EDGE = /[\s.]/
const EXTENSION = /.\.([a-z0-9]{1,10})$/is
const LAST_CHARACTER = /\P{M}\p{M}*$/u
/** Devices on Windows, in every folder and under every extension. */
const DEVICE = /^(?:con|prn|aux|nul|clock\$|conin\$|conout\$|(?:com|lpt)[0-9¹²³])$/i

/** In bytes of UTF-8. File systems take 255: the rest is for whoever puts something in front or behind. */
const LONGEST = 100

const ENCODER = /* @__PURE__ */ new TextEncoder()

/**
 * What a client calls a file, as a name that is safe on Windows, macOS, Linux and in object stores: what follows the last
 * `/` or `\`, normalised (NFC), without what is invisible, with one extension at most, in 100 bytes. A safe name stays as
 * it is.
 *
 * It is for people, to know their files by: not unique, and still the client's words, to be escaped in HTML.
 *
 * @example
 * safeName('../../shell.php.jpg') // 'shell_php.jpg'
 */
export function safeName(original: string): string {
  const segment = original.slice(Math.max(original.lastIndexOf('/'), original.lastIndexOf('\\')) + 1)
  const visible = trimmed(segment.replace(INVISIBLE, ''))
  // `normalize` takes 44 s for 400,000 combining marks: it gets what fits into the name, and the extension at the end.
  const bounded = visible.length > 512 ? visible.slice(0, 500) + visible.slice(-12) : visible
  const name = bounded.normalize('NFC').replace(FORBIDDEN, '_')
  const dot = name.search(EXTENSION) + 1
  const extension = dot > 0 ? name.slice(dot) : ''
  const whole = trimmed(dot > 0 ? name.slice(0, dot) : name).replaceAll('.', '_')
  const stem = trimmed(cut(whole, LONGEST - extension.length)) || 'file'
  return (DEVICE.test(stem) ? '_' : '') + stem + extension
}

/** The extension of a file's name: in lower case, without the dot; `''` unless it is 1 to 10 ASCII letters and digits. */
export function extensionOf(name: string): string {
  return EXTENSION.exec(name)?.[1]?.toLowerCase() ?? ''
}

/** Without dots and spaces at either end. By hand: `/[\s.]+$/` would take time in the square of a run within. */
function trimmed(text: string): string {
  let from = 0
  let to = text.length
  while (from < to && EDGE.test(text[from]!)) from++
  while (to > from && EDGE.test(text[to - 1]!)) to--
  return text.slice(from, to)
}

/** What of `text` fits into so many bytes, in whole characters together with their marks. */
function cut(text: string, most: number): string {
  const { read } = ENCODER.encodeInto(text, new Uint8Array(most))
  const fits = text.slice(0, read)
  const split = /^\p{M}/u.test(text.slice(read))
  // One with more marks than fit is cut all the same: better than nothing.
  return split ? fits.replace(LAST_CHARACTER, '') || fits : fits
}
