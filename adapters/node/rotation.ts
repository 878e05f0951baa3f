/**
 * The file that lines go to: opened when it is needed, looked at once a second, moved aside when it is full.
 *
 * `app.log` becomes `app.log.1`, that `app.log.2`, and so on; the oldest goes. Who moves files holds `app.log.lock`
 * meanwhile, so that processes that share a file do not move one another's. One that finds its file moved, by another
 * or by logrotate, opens the path anew; until then, for a second at most, its lines go to the end of the file that was
 * moved. So none is lost.
 */
import { close, fstat, fstatSync, open, openSync, readSync, type Stats, unlinkSync, write, writeSync } from 'node:fs'
import { open as openFile, rename, stat, unlink } from 'node:fs/promises'
import { promisify } from 'node:util'

/** When a file is full, and how many full ones are kept. */
export interface Rotation {
  readonly size: number
  readonly keep: number
}

/** Told once per outage that full files cannot be moved. */
export type Complain = (message: string, error: unknown) => void

const LOOK_EVERY = 1_000
/** A lock that is older was left by a process that was killed. */
const STALE = 10_000
/** How long the end of the process waits for what the system is writing. */
const PATIENCE = 100
const NEWLINE = 10

const [opened, closed, looked] = /* @__PURE__ */ [promisify(open), promisify(close), promisify<number, Stats>(fstat)]

/** One file, by its path; one call at a time. */
export class LogFile {
  readonly #path: string
  readonly #rotation: Rotation | undefined
  readonly #complain: Complain
  #fd: number | undefined
  #identity: Pick<Stats, 'dev' | 'ino'> | undefined
  /** As far as we know: others may write, too. */
  #size = 0
  #regular = false
  /** Does it end with a newline? Who was killed while it wrote left half a line, which must not swallow our first. */
  #end: 'unknown' | 'whole' | 'torn' = 'unknown'
  #onTheWay = 0
  #locked = false
  #lookAt = 0
  #turnAt = 0
  #complained = false

  constructor(path: string, rotation: Rotation | undefined, complain: Complain) {
    this.#path = path
    this.#rotation = rotation
    this.#complain = complain
  }

  /** Makes the file ready to be written, another if it is full. Resolves with how much of `lines` belongs into it. */
  async room(lines: Uint8Array): Promise<number> {
    if (this.#fd === undefined) await this.#open()
    else if (performance.now() >= this.#lookAt) await this.#look()
    const fits = this.#fits(lines)
    if (fits > 0) return fits
    await this.#turn()
    // What cannot be moved is written on.
    return this.#fits(lines) || lines.length
  }

  /** Writes all of it, or rejects. */
  async write(lines: Uint8Array): Promise<void> {
    const bytes = this.#end === 'torn' ? behindNewline(lines) : lines
    this.#onTheWay = bytes.length
    try {
      // A disk may take less than it was given.
      for (let from = 0; from < bytes.length;) from += await written(this.#fd!, bytes, from)
      this.#end = 'whole'
      this.#size += bytes.length
    } catch (error) {
      // Half a line may stand there now, or the file be of no more use: the next write opens it again.
      await this.close()
      this.#end = 'unknown'
      throw error
    } finally {
      this.#onTheWay = 0
    }
  }

  /** Writes the last lines before the process is gone: waits for the disk. */
  finish(chunks: readonly Uint8Array[]): void {
    if (chunks.length > 0) this.#writeLast(chunks)
    if (this.#locked) unlinkSync(this.#lock)
  }

  #writeLast(chunks: readonly Uint8Array[]): void {
    this.#fd ??= openSync(this.#path, 'a', 0o600)
    const { size } = fstatSync(this.#fd)
    if (this.#end === 'unknown') this.#end = endsTorn(this.#path, size) ? 'torn' : 'whole'
    // What is on its way comes first. Synchronous, so there is nothing else to wait with.
    const until = performance.now() + PATIENCE
    while (this.#onTheWay > 0 && fstatSync(this.#fd).size < this.#size + this.#onTheWay) {
      if (!this.#regular || performance.now() > until) break
    }
    for (const [i, chunk] of chunks.entries()) {
      const bytes = i === 0 && this.#onTheWay === 0 && this.#end === 'torn' ? behindNewline(chunk) : chunk
      for (let from = 0; from < bytes.length;) from += writeSync(this.#fd, bytes, from)
    }
  }

  async close(): Promise<void> {
    const fd = this.#fd
    this.#fd = undefined
    if (fd !== undefined) await closed(fd).catch(() => {})
  }

  get #lock(): string {
    return `${this.#path}.lock`
  }

  async #open(): Promise<void> {
    const fd = await opened(this.#path, 'a', 0o600)
    await this.close()
    this.#fd = fd
    this.#lookAt = performance.now() + LOOK_EVERY
    const found = await looked(fd)
    this.#identity = found
    this.#regular = found.isFile()
    this.#size = found.size
    if (!this.#regular || found.size === 0) this.#end = 'whole'
    else if (this.#end === 'unknown') {
      this.#end = await endsTornLater(this.#path, found.size) ? 'torn' : 'whole'
    }
  }

  /** Was it moved, or written by others? */
  async #look(): Promise<void> {
    this.#lookAt = performance.now() + LOOK_EVERY
    const found = await stat(this.#path).catch(() => undefined)
    if (this.#isOurs(found)) {
      this.#size = found.size
      return
    }
    try {
      await this.#open()
    } catch (error) {
      this.#say('the file was moved and cannot be opened anew', error)
    }
  }

  #isOurs(found: Stats | undefined): found is Stats {
    return found !== undefined && found.ino === this.#identity?.ino && found.dev === this.#identity.dev
  }

  /** How much of the lines fits: whole lines only. */
  #fits(lines: Uint8Array): number {
    const room = this.#rotation === undefined || !this.#regular ? Infinity : this.#rotation.size - this.#size
    if (lines.length <= room) return lines.length
    const end = room > 0 ? lines.lastIndexOf(NEWLINE, room - 1) + 1 : 0
    // A line that is longer than a file gets one to itself.
    return end > 0 || this.#size > 0 ? end : lines.indexOf(NEWLINE) + 1
  }

  async #turn(): Promise<void> {
    const now = performance.now()
    if (now < this.#turnAt) return
    this.#turnAt = now + LOOK_EVERY
    try {
      this.#locked = await taken(this.#lock)
      if (!this.#locked) return
      try {
        // Another may have moved it meanwhile.
        if (this.#isOurs(await stat(this.#path).catch(() => undefined))) await shift(this.#path, this.#rotation!.keep)
        await this.#open()
      } finally {
        await unlink(this.#lock).catch(() => {})
        this.#locked = false
      }
      this.#turnAt = 0
      this.#complained = false
    } catch (error) {
      this.#say('the file is full and cannot be moved; lines go on into it', error)
    }
  }

  #say(message: string, error: unknown): void {
    if (this.#complained) return
    this.#complained = true
    this.#complain(message, error)
  }
}

/** Takes the lock, unless somebody has it. */
async function taken(lock: string): Promise<boolean> {
  try {
    await closed(await opened(lock, 'wx', 0o600))
    return true
  } catch (error) {
    if ((error as { code?: string }).code !== 'EEXIST') throw error
    const found = await stat(lock).catch(() => undefined)
    if (found !== undefined && Date.now() - found.mtimeMs > STALE) await unlink(lock)
    return false
  }
}

/** Each file takes the next number, up to the first that is free: a process may have been killed half-way. */
async function shift(path: string, keep: number): Promise<void> {
  let free = 1
  while (free < keep && await stat(`${path}.${free}`).then(() => true, () => false)) free++
  for (let n = free - 1; n > 0; n--) await rename(`${path}.${n}`, `${path}.${n + 1}`)
  await rename(path, `${path}.1`)
}

function written(fd: number, bytes: Uint8Array, from: number): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, from, bytes.length - from, null, (error, length) => error ? reject(error) : resolve(length))
  })
}

function behindNewline(lines: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(lines.length + 1)
  bytes[0] = NEWLINE
  bytes.set(lines, 1)
  return bytes
}

/** Ends what stands there in the middle of a line? What may not be read is taken as it is. */
async function endsTornLater(path: string, size: number): Promise<boolean> {
  try {
    const file = await openFile(path, 'r')
    try {
      const last = new Uint8Array([NEWLINE])
      await file.read(last, 0, 1, size - 1)
      return last[0] !== NEWLINE
    } finally {
      await file.close()
    }
  } catch {
    return false
  }
}

function endsTorn(path: string, size: number): boolean {
  try {
    const last = new Uint8Array([NEWLINE])
    if (size > 0) readSync(openSync(path, 'r'), last, 0, 1, size - 1)
    return last[0] !== NEWLINE
  } catch {
    return false
  }
}
