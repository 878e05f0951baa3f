/**
 * The audit log: who did what to which resource, and how it came out, in lines that cannot be changed unnoticed.
 *
 * An event is fixed as text when it is recorded, then waits in a bounded queue to be sealed and written, in order: WebCrypto
 * is asynchronous, and no request waits for it. What cannot be written is counted in the next line that can.
 *
 * What no chain can show: that its end was cut off (`close` writes a last line, so an open chain is a chain whose process
 * died, or one that was cut), or that all of it is gone. Copy the lines off the machine. Without a key it shows accidents,
 * not attackers: whoever can write the file can make a new chain.
 */
import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import type { Log } from '../core/log.ts'
import { consoleLines, consoleLog, safely } from '../core/log.ts'
import { count } from '../core/quantity.ts'
import type { Redaction } from '../core/redact.ts'
import { standardRedaction } from '../core/redact.ts'
import type { AuditKey } from './audit-chain.ts'
import { Chain, cryptoKey, usableKey } from './audit-chain.ts'
import type { AuditEvent } from './audit-event.ts'
import { bodyOf } from './audit-event.ts'

/** Options of {@link auditLog}. */
export interface AuditLogOptions {
  /** Takes each line, in order; where it returns a promise, the next line waits for it. (`console.log`) */
  readonly write?: ((line: string) => void | Promise<void>) | undefined
  /** Signs each line, so that who has the file, but not the key, can change nothing unnoticed. (lines are not signed) */
  readonly key?: AuditKey | undefined
  /** Events that may wait to be written; those beyond are dropped and counted. (10,000) */
  readonly maxQueued?: number | undefined
  /** What may not be written. (`standardRedaction`) */
  readonly redaction?: Redaction | undefined
  /** Told once per outage that events are lost. (`consoleLog`) */
  readonly log?: Log | undefined
}

/** Records an event: `audit(context, { type: 'authentication', action: 'login', outcome: 'success', actor: user.id })`. */
export interface AuditLog {
  /** Never throws and never waits. */
  (context: Context, event: AuditEvent): void
  /** Resolves when all that was recorded has been written. */
  readonly settled: () => Promise<void>
  /** Writes what waits and the chain's last line. Events recorded later are dropped. Close the sink after it. */
  readonly close: () => Promise<void>
  /** Events that were lost: too many waited, the sink failed, or the log is closed. */
  readonly dropped: number
}

/**
 * Makes an audit log: JSON lines, each with the hash of the line before it and, with a key, a signature. `verifyAudit` and
 * the command `sallyport audit-verify` tell whether any was altered, removed, inserted or moved.
 *
 * One log per process and file, made once; logs of several processes may share a file. Throws a TypeError for a bad option.
 *
 * @example
 * const audit = auditLog({ write: fileLines('audit.log'), key })
 * audit(context, { type: 'data-modification', action: 'note-deleted', outcome: 'success', resource: { type: 'note', id } })
 */
export function auditLog(options: AuditLogOptions = {}): AuditLog {
  const { write = consoleLines, log = consoleLog } = options
  if (typeof write !== 'function') throw new TypeError('auditLog: write must be a function')
  const trail = new Trail(
    write,
    options.key && usableKey(options.key, 'sign', 'auditLog: key'),
    count(options.maxQueued ?? 10_000, 'auditLog: maxQueued'),
    options.redaction ?? standardRedaction,
    log,
  )
  const audit = (context: Context, event: AuditEvent): void => trail.record(context, event)
  return Object.defineProperties(audit, {
    settled: { value: () => trail.settled() },
    close: { value: () => trail.close() },
    dropped: { get: () => trail.dropped },
  }) as AuditLog
}

/** A line that takes longer than this to write is given up: on Workers, what one request began may never end. */
const PATIENCE = 30_000

class Trail {
  readonly #write: (line: string) => void | Promise<void>
  readonly #key: AuditKey | undefined
  readonly #most: number
  readonly #redaction: Redaction
  readonly #log: Log
  readonly #queue: string[] = []
  #signing: CryptoKey | undefined
  #chain: Chain | undefined
  #clock: Clock = systemClock
  /** The loop that writes, if one runs; which one; and since when it has been at its present line. */
  #working: Promise<void> | undefined
  #shift = 0
  #since = 0
  #closed: Promise<void> | undefined
  /** What the next line has to own up to. */
  #unrecorded = 0
  #lost = 0
  #complained = false
  dropped = 0

  constructor(
    write: (line: string) => void | Promise<void>,
    key: AuditKey | undefined,
    most: number,
    redaction: Redaction,
    log: Log,
  ) {
    this.#write = write
    this.#key = key
    this.#most = most
    this.#redaction = redaction
    this.#log = log
  }

  record(context: Context, event: AuditEvent): void {
    try {
      if (this.#closed !== undefined) return this.#drop('the audit log is closed')
      this.#clock = context.clock
      if (this.#working !== undefined && this.#clock.monotonic() - this.#since > PATIENCE) this.#giveUp()
      if (this.#queue.length >= this.#most) return this.#drop('the sink is too slow')
      this.#queue.push(bodyOf(context, event, this.#redaction))
      context.waitUntil(this.#work())
    } catch (error) {
      this.#drop('an event could not be read', error)
    }
  }

  async settled(): Promise<void> {
    while (this.#working !== undefined) await this.#working
  }

  close(): Promise<void> {
    return this.#closed ??= this.#finish()
  }

  async #finish(): Promise<void> {
    await this.settled()
    if (this.#chain === undefined && this.#unrecorded === 0) return
    this.#since = this.#clock.monotonic()
    await this.#put(`,"time":"${new Date(this.#clock.now()).toISOString()}"`, this.#shift, true)
  }

  #work(): Promise<void> {
    // With a line in the queue it is not done before it is known as the one at work.
    return this.#working ??= this.#drain(++this.#shift)
  }

  async #drain(shift: number): Promise<void> {
    while (shift === this.#shift && this.#queue.length > 0) {
      this.#since = this.#clock.monotonic()
      await this.#put(this.#queue.shift()!, shift, false)
    }
    if (shift === this.#shift) this.#working = undefined
  }

  /** Seals a line and writes it. A loop that was given up may wake here: it must touch nothing. */
  async #put(body: string, shift: number, end: boolean): Promise<void> {
    const chain = this.#chain ??= new Chain()
    const notes = { dropped: this.#unrecorded, lost: this.#lost, end }
    let line: string
    try {
      if (this.#key !== undefined) this.#signing ??= await cryptoKey(this.#key, 'sign')
      line = await chain.seal(body, notes, this.#signing, this.#key?.id)
    } catch (error) {
      if (shift === this.#shift) this.#drop('a line could not be sealed', error)
      return
    }
    if (shift !== this.#shift) return
    try {
      await this.#write(line)
      if (shift !== this.#shift) return
      this.#unrecorded -= notes.dropped
      this.#lost -= notes.lost
      // Under lasting load each line that is written makes room for one more: that is no end of the outage.
      if (this.#queue.length <= this.#most / 2) this.#complained = false
    } catch (error) {
      if (shift !== this.#shift) return
      this.#lost++
      this.dropped++
      this.#complain('the sink failed', error)
    }
  }

  /** Leaves the loop that hangs where it is. A new chain: the old one may still come to an end. */
  #giveUp(): void {
    this.#shift++
    this.#working = undefined
    this.#chain = undefined
    this.#unrecorded += this.#lost
    this.#lost = 0
    this.#drop('a line took too long to write')
  }

  #drop(why: string, error?: unknown): void {
    this.dropped++
    this.#unrecorded++
    this.#complain(why, error)
  }

  #complain(why: string, error?: unknown): void {
    if (this.#complained) return
    this.#complained = true
    safely(this.#log, {
      level: 'error',
      message: `auditLog: events are lost, ${why}`,
      code: 'audit-events-lost',
      error,
    })
  }
}
