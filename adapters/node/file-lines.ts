/** Lines to a file, on Node, Bun and Deno: the disk is never waited for by a request. */
import process from 'node:process'
import type { Bytes } from '../../src/core/body.ts'
import type { LineSink } from '../../src/core/log.ts'
import { consoleLog, safely } from '../../src/core/log.ts'
import type { Duration, Size } from '../../src/core/quantity.ts'
import { bytes, count, milliseconds } from '../../src/core/quantity.ts'
import type { Rotation } from './rotation.ts'
import { LogFile } from './rotation.ts'

/** When {@link fileLines} begins another file. */
export interface RotateOptions {
  /** How large a file may become; a line that is longer has one to itself. (`'10mb'`) */
  readonly size?: Size | undefined
  /** How many full files are kept, beside the one that is written. (5) */
  readonly keep?: number | undefined
}

/** Options of {@link fileLines}. */
export interface FileLinesOptions {
  /**
   * Moves a full file aside: `app.log` becomes `app.log.1`, that `app.log.2`, and the oldest is removed. `true` is 10
   * MB and 5 kept. (false: the file grows, or logrotate moves it)
   */
  readonly rotate?: boolean | RotateOptions | undefined
  /** How long a line may wait in memory for others to be written with. (`'100ms'`) */
  readonly flushEvery?: Duration | undefined
  /** How much may wait for a slow disk; lines beyond it are dropped and counted. (`'8mb'`) */
  readonly maxBuffered?: Size | undefined
}

/** A sink that writes to a file. */
export interface FileLines extends LineSink {
  /** Writes what waits and closes the file. Later lines are dropped. */
  readonly close: () => Promise<void>
  /** Lines that were lost: the disk was too slow or failed, or the sink is closed. */
  readonly dropped: number
}

/** Written as soon as so much waits. */
const BATCH = 65_536
/** What is filled at a time. */
const CHUNK = 2 * BATCH

/**
 * A sink that appends lines to a file, in batches, one write at a time. Opens it (mode 0600) on the first line, and
 * begins a line of its own where a process that was killed left half a one. Never throws and never blocks; lost lines
 * are counted, and reported once per outage on standard error. What still waits when the process exits is written then,
 * synchronously.
 *
 * Several processes may share a file, and any program may move it away: it is looked for once a second, and opened
 * anew. Throws a TypeError for a bad option.
 *
 * @example
 * accessLog({ write: fileLines('access.log', { rotate: true }) })
 */
export function fileLines(path: string, options: FileLinesOptions = {}): FileLines {
  const sink = new File(
    path,
    rotationOf(options.rotate ?? false),
    milliseconds(options.flushEvery ?? '100ms', 'fileLines: flushEvery'),
    bytes(options.maxBuffered ?? '8mb', 'fileLines: maxBuffered'),
  )
  const write = (line: string): void => sink.add(line)
  return Object.defineProperties(write, {
    close: { value: () => sink.close() },
    dropped: { get: () => sink.dropped },
  }) as FileLines
}

function rotationOf(rotate: boolean | RotateOptions): Rotation | undefined {
  if (rotate === false) return undefined
  if (rotate !== true && (typeof rotate !== 'object' || rotate === null)) {
    throw new TypeError('fileLines: rotate must be true, false, or { size, keep }')
  }
  const { size = '10mb', keep = 5 } = rotate === true ? {} : rotate
  return { size: bytes(size, 'fileLines: rotate.size'), keep: count(keep, 'fileLines: rotate.keep') }
}

const ENCODER = new TextEncoder()
const NEWLINE = 10

/**
 * Each line becomes bytes as it arrives, while its pieces are warm. Kept as text and converted by the batch, its two
 * dozen pieces were read again long after, from main memory: on Bun that took as long as making the response.
 */
class File {
  readonly #path: string
  readonly #every: number
  readonly #most: number
  readonly #file: LogFile
  dropped = 0
  #chunk: Bytes = new Uint8Array(0)
  #spare: Bytes | undefined
  #at = 0
  /** Full chunks that wait for the disk, and their bytes together with those of the one that is being written. */
  readonly #full: Bytes[] = []
  #held = 0
  #writing: Bytes | undefined
  /** What of it is not on its way. */
  #rest: Bytes = this.#chunk
  #timer: ReturnType<typeof setTimeout> | undefined
  #listening = false
  #complained = false
  #closed: Promise<void> | undefined
  #idle: (() => void) | undefined

  constructor(path: string, rotation: Rotation | undefined, every: number, most: number) {
    this.#path = path
    this.#every = every
    this.#most = most
    this.#file = new LogFile(path, rotation, (why, error) => this.#say(why, 'log-not-rotated', error))
  }

  add(line: string): void {
    if (this.#closed !== undefined || this.#held + this.#at + line.length >= this.#most) {
      this.dropped++
      if (this.#closed === undefined) this.#complain('lines are dropped, the disk is too slow')
      return
    }
    // A UTF-16 unit takes at most three bytes of UTF-8.
    const room = line.length * 3 + 1
    if (this.#chunk.length - this.#at < room) this.#turn(room)
    this.#at += ENCODER.encodeInto(line, this.#chunk.subarray(this.#at)).written
    this.#chunk[this.#at++] = NEWLINE
    if (this.#writing !== undefined) return
    if (this.#at >= BATCH) this.#flush()
    else if (this.#timer === undefined) this.#wait()
  }

  /** Puts the chunk that is being filled with those that wait, and takes another. */
  #turn(room: number): void {
    if (this.#at > 0) {
      this.#full.push(this.#chunk.subarray(0, this.#at))
      this.#held += this.#at
    }
    this.#chunk = room <= CHUNK && this.#spare !== undefined ? this.#spare : new Uint8Array(Math.max(CHUNK, room))
    this.#spare = undefined
    this.#at = 0
  }

  #wait(): void {
    this.#timer = setTimeout(() => this.#flush(), this.#every)
    // Does not hold the process: what waits is written on its exit.
    this.#timer.unref()
    if (this.#listening) return
    this.#listening = true
    process.on('exit', this.#onExit)
  }

  #flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#writing !== undefined) return
    if (this.#full.length === 0) this.#turn(0)
    const batch = this.#writing = this.#full.shift()
    if (batch === undefined) this.#idle?.()
    else void this.#write(batch)
  }

  async #write(batch: Bytes): Promise<void> {
    let part = this.#rest = batch
    try {
      while (this.#rest.length > 0) {
        part = this.#rest
        const length = await this.#file.room(part)
        part = part.subarray(0, length)
        this.#rest = this.#rest.subarray(length)
        await this.#file.write(part)
      }
      this.#complained = false
    } catch (error) {
      this.dropped += linesIn(part) + (part === this.#rest ? 0 : linesIn(this.#rest))
      this.#complain('lines are dropped, the file cannot be written', error)
      this.#rest = this.#rest.subarray(this.#rest.length)
    }
    this.#held -= batch.length
    this.#writing = undefined
    if (batch.buffer.byteLength === CHUNK) this.#spare = new Uint8Array(batch.buffer)
    if (this.#full.length > 0 || this.#at >= BATCH || this.#closed !== undefined) this.#flush()
    else if (this.#at > 0) this.#wait()
  }

  /** Once per outage: lost lines must not be lost silently, nor fill another log. */
  #complain(what: string, error?: unknown): void {
    if (this.#complained) return
    this.#complained = true
    this.#say(what, 'log-lines-dropped', error)
  }

  #say(what: string, code: string, error: unknown): void {
    safely(consoleLog, { level: 'error', message: `fileLines: ${what}`, code, path: this.#path, error })
  }

  readonly #onExit = (): void => {
    this.#turn(0)
    try {
      this.#file.finish([this.#rest, ...this.#full].filter(({ length }) => length > 0))
    } catch {
      // Nowhere left to say it.
    }
    this.#full.length = 0
  }

  close(): Promise<void> {
    return this.#closed ??= new Promise((resolve) => {
      this.#idle = () => {
        this.#idle = undefined
        process.off('exit', this.#onExit)
        resolve(this.#file.close())
      }
      // `#closed` is set when this runs.
      queueMicrotask(() => this.#flush())
    })
  }
}

function linesIn(bytes: Uint8Array): number {
  let lines = 0
  for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) lines++
  return lines
}
