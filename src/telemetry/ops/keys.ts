/** Who is refused most, in memory that does not grow, and how to show them without saying who they are. */

/** One who was counted. */
export interface Counted {
  readonly key: string
  /** At most this often. */
  readonly most: number
  /** At least this often. */
  readonly least: number
}

interface Slot {
  count: number
  /** What the slot's last owner had: so much may be too much. */
  readonly inherited: number
}

/**
 * Counts the most frequent of a stream of keys (Space-Saving, Metwally et al., ICDT 2005): who is in more than one of
 * `slots` events is among them, however many others come.
 */
export class Frequent {
  readonly #slots: number
  readonly #counted = new Map<string, Slot>()
  /** No slot counts less: it only grows. */
  #least = 1

  constructor(slots: number) {
    this.#slots = slots
  }

  add(key: string): void {
    const known = this.#counted.get(key)
    if (known !== undefined) {
      known.count++
      return
    }
    const inherited = this.#counted.size < this.#slots ? 0 : this.#evict()
    this.#counted.set(key, { count: inherited + 1, inherited })
  }

  /** Frees the slot that counts least, and tells what it had. */
  #evict(): number {
    for (;;) {
      let least = Infinity
      for (const [key, slot] of this.#counted) {
        // New slots go last, so that the first with the least is found soon.
        if (slot.count === this.#least) {
          this.#counted.delete(key)
          return slot.count
        }
        if (slot.count < least) least = slot.count
      }
      this.#least = least
    }
  }

  /** Those who were surely counted most, in that order. */
  top(most: number): readonly Counted[] {
    return [...this.#counted].map(([key, { count, inherited }]) => ({ key, most: count, least: count - inherited }))
      .sort((a, b) => b.least - a.least || b.most - a.most).slice(0, most)
  }
}

const SALT = 16
const DIGITS = 12
const NOBODY = 'unidentified'

/**
 * Gives keys names that cannot be turned back: SHA-256 with a salt of this process, cut to 48 bits. The same key has the same
 * name wherever the page shows it, until the process ends. `id:` and `ip:`, as `byPrincipalOrClientIp` has them, are told; a
 * key without either is taken for an address.
 */
export class Masks {
  // Not before the first request: Workers forbid randomness at module scope.
  #salt: Uint8Array | undefined

  async mask(key: string): Promise<string> {
    const kind = key.startsWith('id:') ? 'principal' : 'address'
    const name = key.startsWith('id:') || key.startsWith('ip:') ? key.slice(3) : key
    if (name === NOBODY && kind === 'address') return NOBODY
    this.#salt ??= crypto.getRandomValues(new Uint8Array(SALT))
    const text = new TextEncoder().encode(`${kind}:${name}`)
    const salted = new Uint8Array(SALT + text.length)
    salted.set(this.#salt)
    salted.set(text, SALT)
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', salted))
    const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
    return `${kind} ${hex.slice(0, DIGITS)}`
  }
}
