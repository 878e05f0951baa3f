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
    for (const [name, value] of fields) put(map, fieldName(name), fieldValue(value, name))
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
      for (const [name, value] of later.#pairs()) put(map, name, value)
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

/** The later value wins, but `Vary` only grows. */
function put(map: Map<string, string>, name: string, value: string): void {
  const present = name === 'vary' ? map.get(name) : undefined
  map.set(name, present === undefined ? value : mergeVary(present, value))
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
  // In order of announcement; none has a name that the block has, save `vary`.
  #entries: Entry[] = []

  /** Announces a prepared block. Where an earlier announcement has a name, the later one wins. */
  announce(block: HeadBlock): void {
    if (this.#entries.length > 0) {
      this.#entries = this.#entries.filter(({ name }) => name === 'vary' || !block.has(name))
    }
    this.#block = this.#block === undefined ? block : this.#block.join(block)
  }

  /** Sends `name: value`, unless the handler's response has that field. The last call wins; `Vary` is joined. */
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

  #put(rule: 'set' | 'transient' | 'force' | 'remove', name: string, value: string): void {
    const key = fieldName(name)
    // Losing a name of `Vary` lets a cache serve one client's response to another.
    if (key === 'vary' && rule === 'set') return this.#add('append', key, value)
    if (key === 'vary' && rule === 'transient') return this.#add('append-transient', key, value)
    fieldValue(value, key)
    this.#block = this.#block?.without(key)
    for (let i = this.#entries.length - 1; i >= 0; i--) {
      if (this.#entries[i]!.name === key) this.#entries.splice(i, 1)
    }
    this.#entries.push({ rule, name: key, value })
  }

  #add(rule: 'append' | 'append-transient', name: string, value: string): void {
    const key = fieldName(name)
    fieldValue(value, key)
    const block = this.#block
    if (key !== 'vary' && block?.has(key)) {
      // What is added comes after what the block says.
      this.#entries.push({ rule: 'set', name: key, value: block.values[block.names.indexOf(key)]! })
      this.#block = block.without(key)
    }
    let last: Entry | undefined
    for (let i = this.#entries.length - 1; i >= 0 && last === undefined; i--) {
      if (this.#entries[i]!.name === key) last = this.#entries[i]
    }
    if (last?.rule !== rule || key === 'set-cookie') this.#entries.push({ rule, name: key, value })
    else last.value = key === 'vary' ? mergeVary(last.value, value) : `${last.value}, ${value}`
  }

  /** The first entry of a name: if it is a `force` or a `remove`, the handler's own does not count. */
  #entry(name: string): Entry | undefined {
    for (let i = 0; i < this.#entries.length; i++) if (this.#entries[i]!.name === name) return this.#entries[i]
    return undefined
  }

  /**
   * Writes the announced head onto a response's headers: for runtimes whose responses are written from `Headers`.
   *
   * The handler's own names are read once, in one walk: asking `has` for each announced name costs half as much again on
   * Deno and Bun.
   */
  applyTo(headers: Headers, status: number): void {
    const redirect = status >= 300 && status < 400
    const own: string[] = []
    headers.forEach((_value, name) => own.push(name))
    for (const { rule, name, value } of this.#entries) {
      if (redirect && (rule === 'transient' || rule === 'append-transient')) continue
      const at = own.indexOf(name)
      if (rule === 'remove') {
        headers.delete(name)
        if (at >= 0) own.splice(at, 1)
      } else if (rule === 'force' || at < 0) {
        headers.set(name, value)
        if (at < 0) own.push(name)
      } else if (rule === 'append' || rule === 'append-transient') {
        if (name === 'vary') headers.set(name, mergeVary(headers.get(name)!, value))
        else headers.append(name, value)
      }
    }
    const block = this.#block
    if (block === undefined) return
    for (let i = 0; i < block.names.length; i++) {
      const name = block.names[i]!
      if (!own.includes(name)) headers.set(name, block.values[i]!)
      else if (name === 'vary') headers.set(name, mergeVary(headers.get(name)!, block.values[i]!))
    }
  }

  /**
   * The whole head as one flat list: the announced fields joined with the response's `own` (flat too). For Node, whose
   * `writeHead` takes it as it is.
   */
  flatten(own: readonly string[], status: number): string[] {
    const redirect = status >= 300 && status < 400
    const block = this.#block
    const out: string[] = []
    let vary: string | undefined
    let overlap = false
    for (let i = 0; i < own.length; i += 2) {
      const name = own[i]!.toLowerCase()
      const entry = this.#entry(name)
      if (name === 'vary' && entry?.rule !== 'force' && entry?.rule !== 'remove') {
        vary = vary === undefined ? own[i + 1]! : mergeVary(vary, own[i + 1]!)
        continue
      }
      if (name !== 'vary' && block?.has(name)) overlap = true
      if (entry === undefined || (entry.rule !== 'force' && entry.rule !== 'remove')) out.push(name, own[i + 1]!)
    }
    const handlers = out.length
    for (const { rule, name, value } of this.#entries) {
      if (rule === 'remove' || (redirect && (rule === 'transient' || rule === 'append-transient'))) continue
      if (name === 'vary') vary = vary === undefined ? value : mergeVary(vary, value)
      else if ((rule === 'set' || rule === 'transient') && includesName(out, handlers, name)) continue
      else out.push(name, value)
    }
    if (vary !== undefined && block?.has('vary')) {
      vary = mergeVary(vary, block.values[block.names.indexOf('vary')]!)
      overlap = true
    }
    if (vary !== undefined) out.push('vary', vary)
    if (block === undefined) return out
    if (!overlap) return out.concat(block.flat)
    // Not `block.without`, which remembers: the handler's names may come from anywhere.
    const { names, values } = block
    const before = out.length
    for (let i = 0; i < names.length; i++) {
      if (!includesName(out, before, names[i]!)) out.push(names[i]!, values[i]!)
    }
    return out
  }
}

function includesName(flat: readonly string[], end: number, name: string): boolean {
  for (let i = 0; i < end; i += 2) if (flat[i] === name) return true
  return false
}
