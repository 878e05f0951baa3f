/** Reads an audit log and says whether it is what was written. In one pass; memory grows with chains, not with lines. */
import type { AuditKey, Link } from './audit-chain.ts'
import { afterCut, cryptoKey, isCut, isSigned, linkOf, LONGEST, sha256, usableKey } from './audit-chain.ts'

/** An audit log: text, or its chunks, cut anywhere: a file's stream, a `ReadableStream`, what is in an array. */
export type AuditText =
  | string
  | AsyncIterable<string | Uint8Array>
  | Iterable<string | Uint8Array>
  | ReadableStream<Uint8Array>

/** Options of {@link verifyAudit}. */
export interface VerifyAuditOptions {
  /** Every line must be signed with one of these. Without keys, signatures are not looked at. (none) */
  readonly keys?: readonly AuditKey[] | undefined
  /** Chains may begin anywhere: the files before this one are gone. (false) */
  readonly partial?: boolean | undefined
}

/**
 * Why a line is bad.
 *
 * - `malformed`: it is no line of an audit log.
 * - `altered`: its hash is not that of its text.
 * - `unsigned`, `key-unknown`, `forged`: it has no signature, one by a key that was not given, or a wrong one.
 * - `missing`: lines of its chain should stand before it.
 * - `repeated`: its place in the chain is taken: it was copied, inserted, or stands too late.
 * - `unlinked`: the line before it is not the one it was written after.
 */
export type AuditFault =
  | 'malformed'
  | 'altered'
  | 'unsigned'
  | 'key-unknown'
  | 'forged'
  | 'missing'
  | 'repeated'
  | 'unlinked'

/** What {@link verifyAudit} found. */
export interface AuditReport {
  /** Nothing was altered, removed, inserted or moved, as far as was read. */
  readonly ok: boolean
  /** The first line that is bad, counted from 1. Nothing after it was read. */
  readonly fault?: { readonly line: number; readonly why: AuditFault } | undefined
  /** Whole lines that are good, and those of them whose signature was checked. */
  readonly lines: number
  readonly signed: number
  /** Chains, one per process, and those without a last line: still open, killed, or cut off. */
  readonly chains: number
  readonly open: number
  /** Lines that were cut while they were written: a process was killed. No tampering, but an event is lost with each. */
  readonly truncated: number
  /** Events that the log itself says it lost. */
  readonly dropped: number
}

interface Place {
  next: number
  hash: string
  ended: boolean
}

interface Checked {
  readonly link: Link
  readonly fault: AuditFault | undefined
  /** It stands behind a line that was cut. */
  readonly behindCut: boolean
}

/** Lines whose hashes are computed at a time: WebCrypto has threads. */
const BATCH = 128

/**
 * Verifies an audit log: names the first line that was altered, removed, inserted or moved. Lines of several processes may
 * lie among one another. Several files of one log are given one after the other, oldest first.
 *
 * Throws a TypeError for a key that cannot verify; rejects as the source does.
 *
 * @example
 * const { ok, fault } = await verifyAudit(createReadStream('audit.log'), { keys: auditKeys(text) })
 */
export async function verifyAudit(text: AuditText, options: VerifyAuditOptions = {}): Promise<AuditReport> {
  const keys = options.keys && new Map<string, CryptoKey>()
  for (const key of options.keys ?? []) {
    keys!.set(key.id, await cryptoKey(usableKey(key, 'verify', `verifyAudit: key '${key?.id}'`), 'verify'))
  }
  const reading = new Reading(keys, options.partial ?? false)
  let batch: string[] = []
  for await (const { line, whole } of linesOf(text)) {
    if (whole) batch.push(line)
    if (whole && batch.length < BATCH) continue
    await reading.take(batch)
    batch = []
    if (!whole && !reading.failed) await reading.takeLast(line)
    if (reading.failed) break
  }
  await reading.take(batch)
  return reading.report()
}

class Reading {
  readonly #keys: ReadonlyMap<string, CryptoKey> | undefined
  readonly #partial: boolean
  readonly #places = new Map<string, Place>()
  #read = 0
  #lines = 0
  #truncated = 0
  #dropped = 0
  #fault: AuditReport['fault']
  /** Lines just read that are good only if a new chain begins behind them: the first, and how many were cut. */
  #gap: { readonly line: number; cut: number } | undefined

  constructor(keys: ReadonlyMap<string, CryptoKey> | undefined, partial: boolean) {
    this.#keys = keys
    this.#partial = partial
  }

  get failed(): boolean {
    return this.#fault !== undefined
  }

  /** Whole lines, in order. */
  async take(lines: readonly string[]): Promise<void> {
    if (this.failed) return
    for (const checked of await Promise.all(lines.map((line) => this.#check(line)))) {
      this.#read++
      if (checked === 'cut' || (checked === 'empty' && this.#read > 1)) {
        this.#gap ??= { line: this.#read, cut: 0 }
        if (checked === 'cut') this.#gap.cut++
        continue
      }
      const good = typeof checked === 'object' && checked.fault === undefined ? checked : undefined
      if (!this.#bridge(good !== undefined && this.#begins(good.link))) return
      const why = typeof checked !== 'object' ? 'malformed' : checked.fault ?? this.#place(checked.link)
      if (why !== undefined) {
        this.#fault = { line: this.#read, why }
        return
      }
      this.#lines++
      if (good!.behindCut) this.#truncated++
    }
  }

  /** Is it the first line of a chain? Those before it may be the ones that were lost. */
  #begins({ chain, seq, lost }: Link): boolean {
    return seq <= lost && !this.#places.has(chain)
  }

  /** Passes what stands between the lines of a killed process and those of the next, which began a line of its own. */
  #bridge(begins: boolean): boolean {
    if (this.#gap === undefined) return true
    if (begins) this.#truncated += this.#gap.cut
    else this.#fault = { line: this.#gap.line, why: 'malformed' }
    this.#gap = undefined
    return begins
  }

  /** What stands behind the last newline: a line that was cut, or one that lacks only its newline. */
  async takeLast(line: string): Promise<void> {
    if (!isCut(line)) return await this.take([line])
    this.#bridge(true)
    const at = afterCut(line)
    // Behind a line that was cut, another that was.
    this.#truncated += at < 0 ? 1 : 2
  }

  report(): AuditReport {
    this.#bridge(false)
    const open = [...this.#places.values()].filter(({ ended }) => !ended).length
    return {
      ok: !this.failed,
      fault: this.#fault,
      lines: this.#lines,
      signed: this.#keys === undefined ? 0 : this.#lines,
      chains: this.#places.size,
      open,
      truncated: this.#truncated,
      dropped: this.#dropped,
    }
  }

  /** The line by itself. */
  async #check(line: string): Promise<Checked | 'cut' | 'empty' | undefined> {
    if (line === '') return 'empty'
    const link = linkOf(line)
    const fault = link && await this.#faultOf(link)
    if (link !== undefined && fault === undefined) return { link, fault, behindCut: false }
    // Only what is no good line may be one that was cut, and a good one behind it.
    const at = afterCut(line)
    if (at < 0) return link ? { link, fault, behindCut: false } : isCut(line) ? 'cut' : undefined
    const later = linkOf(line.slice(at))
    return later && { link: later, fault: await this.#faultOf(later), behindCut: true }
  }

  async #faultOf({ hashed, hash, keyId, mac, signed }: Link): Promise<AuditFault | undefined> {
    if (await sha256(hashed) !== hash) return 'altered'
    if (this.#keys === undefined) return undefined
    if (mac === undefined || keyId === undefined) return 'unsigned'
    const key = this.#keys.get(keyId)
    if (key === undefined) return 'key-unknown'
    return await isSigned(signed, mac, key) ? undefined : 'forged'
  }

  /** The line in its chain. */
  #place({ chain, seq, previous, lost, dropped, end, hash }: Link): AuditFault | undefined {
    const place = this.#places.get(chain)
    if (place === undefined) {
      // The chain's first lines may be those that were lost.
      if (!this.#partial && seq > lost) return 'missing'
      if ((seq === 0) !== (previous === '')) return 'unlinked'
    } else {
      if (seq < place.next) return 'repeated'
      if (seq > place.next + lost) return 'missing'
      if (seq === place.next && previous !== place.hash) return 'unlinked'
    }
    this.#dropped += dropped + lost
    this.#places.set(chain, { next: seq + 1, hash, ended: end })
    return undefined
  }
}

/** The lines of a text, and what stands behind the last newline, if anything. What is too long for a line is not kept. */
async function* linesOf(text: AuditText): AsyncGenerator<{ readonly line: string; readonly whole: boolean }> {
  // What is no UTF-8, and a byte order mark, must not pass for nothing.
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  let rest = ''
  for await (const chunk of typeof text === 'string' ? [text] : text as AsyncIterable<string | Uint8Array>) {
    const more = typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true })
    let from = 0
    for (let at = more.indexOf('\n'); at >= 0; at = more.indexOf('\n', from)) {
      yield { line: rest + more.slice(from, at), whole: true }
      rest = ''
      from = at + 1
    }
    if (rest.length <= 2 * LONGEST) rest += more.slice(from, from + 2 * LONGEST + 1)
  }
  rest += decoder.decode()
  if (rest !== '') yield { line: rest, whole: false }
}
