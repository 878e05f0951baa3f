/**
 * The head belongs to the request, not to the response.
 *
 * Wrappers never touch a response's headers: they announce them here, and the edge (the adapter) writes them once, on
 * whatever comes out: the handler's response, a 429, a 500, a redirect, a 304. So no error can lose its security headers,
 * immutable and 101 responses are dealt with in one place, and Node writes them to the socket without a `Headers` object.
 *
 * What never changes between requests is a {@link HeadBlock}: checked, joined and laid out once. Announcing one is storing
 * a pointer; joining two is remembered, so a pipeline of static blocks costs the same however many there are.
 */
import { fieldName, fieldValue, mergeVary } from './fields.ts'

/** Header fields that are the same for many requests: prepared once, announced by reference. */
export class HeadBlock {
  /** Names in lower case, in order. */
  readonly names: readonly string[]
  readonly values: readonly string[]
  /** Name, value, name, value: what Node's `writeHead` takes. */
  readonly flat: readonly string[]
  readonly #has: ReadonlySet<string>
  readonly #joined = new WeakMap<HeadBlock, HeadBlock>()
  readonly #without = new Map<string, HeadBlock>()

  /** Checks every name and value: a TypeError here is a programmer's error, found when the wrapper is made. */
  constructor(fields: Iterable<readonly [name: string, value: string]>) {
    const map = new Map<string, string>()
    for (const [name, value] of fields) map.set(fieldName(name), fieldValue(value, name))
    this.names = [...map.keys()]
    this.values = [...map.values()]
    this.flat = [...map].flat()
    this.#has = new Set(this.names)
  }

  has(name: string): boolean {
    return this.#has.has(name)
  }

  /** This block and `later`, which wins where both have a name; `Vary` is joined. Remembered. */
  join(later: HeadBlock): HeadBlock {
    let joined = this.#joined.get(later)
    if (joined === undefined) {
      const map = new Map(this.#pairs())
      for (const [name, value] of later.#pairs()) {
        const present = name === 'vary' ? map.get(name) : undefined
        map.set(name, present === undefined ? value : mergeVary(present, value))
      }
      joined = new HeadBlock(map)
      this.#joined.set(later, joined)
    }
    return joined
  }

  /** This block without one name. Remembered: names come from the program, so there are few. */
  without(name: string): HeadBlock {
    if (!this.#has.has(name)) return this
    let rest = this.#without.get(name)
    if (rest === undefined) {
      rest = new HeadBlock([...this.#pairs()].filter(([one]) => one !== name))
      this.#without.set(name, rest)
    }
    return rest
  }

  #pairs(): [string, string][] {
    return this.names.map((name, i) => [name, this.values[i]!])
  }
}

/** How an announced field meets the handler's own of the same name. */
type Rule = 'set' | 'transient' | 'force' | 'append' | 'append-transient' | 'remove'

interface Entry {
  readonly rule: Rule
  readonly name: string
  value: string
}

/** The announced head of one response. */
export class ResponseHead {
  #block: HeadBlock | undefined = undefined
  // At most one entry per name, save `set-cookie`; never a name that the block has.
  #entries: Entry[] = []

  /** Announces a prepared block. Where an earlier announcement has a name, the later one wins. */
  announce(block: HeadBlock): void {
    for (const { name } of this.#entries) {
      if (name !== 'vary' && block.has(name)) this.#forget(name)
    }
    this.#block = this.#block === undefined ? block : this.#block.join(block)
  }

  /** Sends `name: value`, unless the handler's response has that field. The last call wins. */
  set(name: string, value: string): void {
    this.#put('set', name, value)
  }

  /**
   * As {@link set}, but not on a 3xx: for what belongs to this exchange only (request id, quota). Caches keep redirects,
   * and a 304 overwrites the fields they have stored (RFC 9111 §3.2).
   */
  transient(name: string, value: string): void {
    this.#put('transient', name, value)
  }

  /** Sends `name: value`, even over the handler's own. */
  force(name: string, value: string): void {
    this.#put('force', name, value)
  }

  /** Adds to what is there: joined by a comma, `Vary` by name, `Set-Cookie` as a field of its own (RFC 9110 §5.3). */
  append(name: string, value: string): void {
    this.#add('append', name, value)
  }

  /** As {@link append}, but not on a 3xx. */
  appendTransient(name: string, value: string): void {
    this.#add('append-transient', name, value)
  }

  /** Takes a field away: earlier announcements, and the handler's own. */
  remove(name: string): void {
    this.#put('remove', name, '')
  }

  #put(rule: Rule, name: string, value: string): void {
    const key = fieldName(name)
    this.#forget(key)
    this.#entries.push({ rule, name: key, value: fieldValue(value, key) })
  }

  #add(rule: Rule, name: string, value: string): void {
    const key = fieldName(name)
    fieldValue(value, key)
    const present = key === 'set-cookie' ? undefined : this.#entries.find((entry) => entry.name === key)
    if (present === undefined || present.rule === 'remove') this.#entries.push({ rule, name: key, value })
    else present.value = key === 'vary' ? mergeVary(present.value, value) : `${present.value}, ${value}`
  }

  #forget(name: string): void {
    if (this.#block?.has(name)) this.#block = this.#block.without(name)
    for (let i = 0; i < this.#entries.length; i++) {
      if (this.#entries[i]!.name === name) this.#entries.splice(i--, 1)
    }
  }

  /** Writes the announced head onto a response's headers: for runtimes whose responses are written from `Headers`. */
  applyTo(headers: Headers, status: number): void {
    const redirect = status >= 300 && status < 400
    for (const { rule, name, value } of this.#entries) {
      switch (rule) {
        case 'transient':
          if (redirect) break
        // falls through
        case 'set':
          if (!headers.has(name)) headers.set(name, value)
          break
        case 'force':
          headers.set(name, value)
          break
        case 'append-transient':
          if (redirect) break
        // falls through
        case 'append':
          if (name === 'vary') headers.set(name, mergeVary(headers.get(name) ?? '', value))
          else headers.append(name, value)
          break
        case 'remove':
          headers.delete(name)
      }
    }
    const block = this.#block
    if (block === undefined) return
    for (let i = 0; i < block.names.length; i++) {
      const name = block.names[i]!
      if (!headers.has(name)) headers.set(name, block.values[i]!)
      else if (name === 'vary') headers.set(name, mergeVary(headers.get(name)!, block.values[i]!))
    }
  }

  /**
   * The whole head as one flat list: the announced fields joined with the response's `own` (flat too). For Node, whose
   * `writeHead` takes it as it is.
   */
  flatten(own: readonly string[], status: number): string[] {
    const redirect = status >= 300 && status < 400
    let block = this.#block
    const out: string[] = []
    let vary: string | undefined
    for (let i = 0; i < own.length; i += 2) {
      const name = own[i]!.toLowerCase()
      const entry = this.#entries.find((one) => one.name === name)
      if (name === 'vary' && entry?.rule !== 'force' && entry?.rule !== 'remove') {
        vary = vary === undefined ? own[i + 1]! : mergeVary(vary, own[i + 1]!)
        continue
      }
      if (block?.has(name)) block = block.without(name)
      if (entry === undefined || (entry.rule !== 'force' && entry.rule !== 'remove')) out.push(name, own[i + 1]!)
    }
    const handlers = out.length
    for (const { rule, name, value } of this.#entries) {
      if (rule === 'remove' || (redirect && (rule === 'transient' || rule === 'append-transient'))) continue
      if (name === 'vary' && rule !== 'force') vary = vary === undefined ? value : mergeVary(vary, value)
      else if ((rule === 'set' || rule === 'transient') && includesName(out, handlers, name)) continue
      else out.push(name, value)
    }
    if (block === undefined) {
      if (vary !== undefined) out.push('vary', vary)
      return out
    }
    if (vary === undefined) return out.concat(block.flat)
    const i = block.names.indexOf('vary')
    if (i >= 0) {
      vary = mergeVary(vary, block.values[i]!)
      block = block.without('vary')
    }
    out.push('vary', vary)
    return out.concat(block.flat)
  }
}

function includesName(flat: readonly string[], end: number, name: string): boolean {
  for (let i = 0; i < end; i += 2) if (flat[i] === name) return true
  return false
}
