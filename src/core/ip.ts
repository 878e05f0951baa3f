/**
 * Internet addresses: strict parsing, canonical text, and sets of networks compared on bits.
 *
 * Written here, not taken from a library: this decides whom a limit counts and whom a list refuses, and the parsers at hand
 * keep `::ffff:1.2.3.4` apart from `1.2.3.4`, accept `010.1.1.1` as `8.1.1.1`, or bring four times the bytes. Tests hold it
 * against Node's own parser. IPv4 by RFC 6943 §3.1.1 (strict dotted decimal), IPv6 text by RFC 4291 §2.2 and RFC 5952.
 */

/** An address as numbers: four bytes in one word, or sixteen in four. IPv4-mapped IPv6 is IPv4. */
export interface Address {
  readonly family: 4 | 6
  /** Unsigned 32-bit words, most significant first. */
  readonly words: readonly number[]
}

/** Parses an address, alone: no port, no prefix. A zone id (`%eth0`) is dropped, brackets round IPv6 are allowed. */
export function parseAddress(text: string): Address | undefined {
  if (!text.includes(':')) {
    const word = parseV4(text)
    return word === undefined ? undefined : { family: 4, words: [word] }
  }
  const bare = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text
  const words = parseV6(bare.replace(/%[0-9A-Za-z._~-]{1,64}$/, ''))
  if (words === undefined) return undefined
  const mapped = words[0] === 0 && words[1] === 0 && words[2] === 0xffff
  return mapped ? { family: 4, words: [words[3]!] } : { family: 6, words }
}

/** As {@link parseAddress}, with an optional port, as forwarding headers have it: `1.2.3.4:80`, `[::1]:80`. */
export function parseAddressAndPort(text: string): Address | undefined {
  const match = /^(\[[^\]]*\]|[^:]*):\d{1,5}$/.exec(text)
  return parseAddress(match ? match[1]! : text)
}

function parseV4(text: string): number | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)
  if (match === null) return undefined
  let word = 0
  for (let i = 1; i <= 4; i++) {
    const part = match[i]!
    // A leading zero is octal to some readers: 010.1.1.1 must not be two addresses.
    if (Number(part) > 255 || (part.length > 1 && part[0] === '0')) return undefined
    word = word * 256 + Number(part)
  }
  return word
}

function parseV6(text: string): number[] | undefined {
  if (text.length > 45) return undefined
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const head = groups(halves[0]!, halves.length === 1)
  const tail = halves.length === 2 ? groups(halves[1]!, true) : []
  if (head === undefined || tail === undefined) return undefined
  const missing = 8 - head.length - tail.length
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined
  const all = [...head, ...Array.from({ length: missing }, () => 0), ...tail]
  return [0, 2, 4, 6].map((i) => all[i]! * 0x10000 + all[i + 1]!)
}

/** The 16-bit groups of one side of `::`; the last may be dotted IPv4. */
function groups(text: string, last: boolean): number[] | undefined {
  if (text === '') return []
  const out: number[] = []
  const parts = text.split(':')
  for (const [i, part] of parts.entries()) {
    if (/^[0-9A-Fa-f]{1,4}$/.test(part)) out.push(Number.parseInt(part, 16))
    else {
      const v4 = last && i === parts.length - 1 ? parseV4(part) : undefined
      if (v4 === undefined) return undefined
      out.push(Math.floor(v4 / 0x10000), v4 % 0x10000)
    }
  }
  return out
}

/** The one text of an address (RFC 5952): two spellings of an address give the same text. */
export function formatAddress({ family, words }: Address): string {
  if (family === 4) return [24, 16, 8, 0].map((shift) => (words[0]! >>> shift) & 255).join('.')
  const parts = words.flatMap((word) => [word >>> 16, word & 0xffff])
  let start = -1
  let length = 1
  for (let i = 0; i < 8; i++) {
    let run = 0
    while (i + run < 8 && parts[i + run] === 0) run++
    if (run > length) [start, length] = [i, run]
  }
  const hex = parts.map((part) => part.toString(16))
  return start < 0 ? hex.join(':') : `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`
}

/** `words` with all but the first `prefix` bits cleared. */
function mask(words: readonly number[], prefix: number): number[] {
  return words.map((word, i) => {
    const keep = Math.max(0, Math.min(32, prefix - i * 32))
    return keep === 0 ? 0 : (word & (-1 << (32 - keep))) >>> 0
  })
}

/** The network of an address in text: the IPv4 address itself, or the first `prefix` bits of IPv6 as `2001:db8::/64`. */
export function networkOf(address: Address, prefix: number): string {
  if (address.family === 4) return formatAddress(address)
  return `${formatAddress({ family: 6, words: mask(address.words, prefix) })}/${prefix}`
}

/** A set of networks. Looking up costs one hash per distinct prefix length, however many networks there are. */
export interface AddressSet {
  has(address: Address): boolean
}

/**
 * Makes a set of addresses and networks: `'10.0.0.0/8'`, `'2001:db8::/32'`, `'192.0.2.1'`.
 * Throws a TypeError that names `option` on anything else, and on bits set beyond the prefix (a slip more often than not).
 */
export function addressSet(networks: readonly string[], option: string): AddressSet {
  const families = { 4: new Map<number, Set<string>>(), 6: new Map<number, Set<string>>() }
  for (const network of networks) {
    const [text, bits, ...rest] = String(network).split('/')
    const address = parseAddress(text!)
    const most = address?.family === 4 ? 32 : 128
    const prefix = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : -1
    // Of a mapped network such as ::ffff:10.0.0.0/104, which bits the prefix counts is anyone's guess: write it in IPv4.
    const mapped = bits !== undefined && address?.family === 4 && text!.includes(':')
    const usable = address !== undefined && rest.length === 0 && !mapped && prefix >= 0 && prefix <= most &&
      mask(address.words, prefix).join() === address.words.join()
    if (!usable) throw new TypeError(`${option} must hold addresses or networks such as '10.0.0.0/8', got '${network}'`)
    const byLength = families[address.family]
    byLength.set(prefix, (byLength.get(prefix) ?? new Set()).add(address.words.join()))
  }
  return {
    has({ family, words }) {
      for (const [prefix, members] of families[family]) {
        if (members.has(mask(words, prefix).join())) return true
      }
      return false
    },
  }
}
