// The form that is uploaded: one film of so many bytes, which begins as MP4 does and goes on at random.
import { randomFillSync } from 'node:crypto'

const BOUNDARY = '----WebKitFormBoundary7MA4YWxkTrZu0gW'
export const TYPE = `multipart/form-data; boundary=${BOUNDARY}`
/** As much as a socket gives at once. */
export const CHUNK = 65_536

const HEAD = Buffer.from([
  `--${BOUNDARY}`,
  'Content-Disposition: form-data; name="video"; filename="holiday.mp4"',
  'Content-Type: video/mp4',
  '',
  '',
].join('\r\n'))
const TAIL = Buffer.from(`\r\n--${BOUNDARY}--\r\n`)
const FTYP = Buffer.from('\0\0\0\x18ftypisom\0\0\x02\0isommp42', 'latin1')

/** The form as chunks. `film` gives the bytes behind the first 24: at random, or what is hard to search. */
export function formOf(size, film = atRandom) {
  const content = film(size)
  FTYP.copy(content)
  const whole = Buffer.concat([HEAD, content, TAIL])
  const chunks = []
  for (let at = 0; at < whole.byteLength; at += CHUNK) chunks.push(whole.subarray(at, at + CHUNK))
  return { chunks, length: whole.byteLength }
}

function atRandom(size) {
  return randomFillSync(Buffer.allocUnsafe(size))
}

/** Beginnings of the boundary, one after the other, none of them whole. */
export function nearMisses(size) {
  return Buffer.alloc(size, `\r\n--${BOUNDARY.slice(0, -1)}`)
}
