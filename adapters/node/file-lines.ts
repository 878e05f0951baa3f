/** Lines to a file, on Node, Bun and Deno: the disk is never waited for by a request. */
import { close as closeFile, open, openSync, write, writeSync } from 'node:fs'
import process from 'node:process'
import type { Bytes } from '../../src/core/body.ts'
import type { LineSink } from '../../src/core/log.ts'
import { consoleLog, safely } from '../../src/core/log.ts'
import type { Duration, Size } from '../../src/core/quantity.ts'
import { bytes, milliseconds } from '../../src/core/quantity.ts'

/** Options of {@link fileLines}. */
export interface FileLinesOptions {
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
 * A sink that appends lines to a file, in batches, one write at a time. Opens it (mode 0600) on the first line. Never
 * throws and never blocks; lost lines are counted, and reported once per outage on standard error. What still waits when
 * the process exits is written then, synchronously.
 *
 * @example
 * accessLog({ write: fileLines('access.log') })
 */
export function fileLines(path: string, options: FileLinesOptions = {}): FileLines {
  const sink = new File(
    path,
    milliseconds(options.flushEvery ?? '100ms', 'fileLines: flushEvery'),
    bytes(options.maxBuffered ?? '8mb', 'fileLines: maxBuffered'),
  )
  const write = (line: string): void => sink.add(line)
  return Object.defineProperties(write, {
    close: { value: () => sink.close() },
    dropped: { get: () => sink.dropped },
  }) as FileLines
}

/** Lines as bytes, and how many: what is lost is counted in lines. */
interface Batch {
  readonly bytes: Uint8Array
  readonly lines: number
}

const ENCODER = new TextEncoder()

/**
 * Each line becomes bytes as it arrives, while its pieces are warm. Kept as text and converted by the batch, its two dozen
 * pieces were read again long after, from main memory: on Bun that took as long as making the response.
 */
class File {
  readonly #path: string
  readonly #every: number
  readonly #most: number
  dropped = 0
  #chunk: Bytes = new Uint8Array(0)
  #spare: Bytes | undefined
  #at = 0
  #lines = 0
  /** Full chunks that wait for the disk, and their bytes together with those on their way. */
  readonly #full: Batch[] = []
  #held = 0
  #writing: Batch | undefined
  #fd: number | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #listening = false
  #complained = false
  #closed: Promise<void> | undefined
  #idle: (() => void) | undefined

  constructor(path: string, every: number, most: number) {
    this.#path = path
    this.#every = every
    this.#most = most
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
    this.#chunk[this.#at++] = 10
    this.#lines++
    if (this.#writing !== undefined) return
    if (this.#at >= BATCH) this.#flush()
    else if (this.#timer === undefined) this.#wait()
  }

  /** Puts the chunk that is being filled with those that wait, and takes another. */
  #turn(room: number): void {
    if (this.#at > 0) {
      this.#full.push({ bytes: this.#chunk.subarray(0, this.#at), lines: this.#lines })
      this.#held += this.#at
    }
    this.#chunk = room <= CHUNK && this.#spare !== undefined ? this.#spare : new Uint8Array(Math.max(CHUNK, room))
    this.#spare = undefined
    this.#at = 0
    this.#lines = 0
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
    if (batch === undefined) {
      this.#idle?.()
      return
    }
    if (this.#fd !== undefined) return this.#write(batch)
    open(this.#path, 'a', 0o600, (error, fd) => {
      if (error) return this.#failed(batch, error)
      this.#fd = fd
      this.#write(batch)
    })
  }

  #write(batch: Batch, from = 0): void {
    write(this.#fd!, batch.bytes, from, batch.bytes.length - from, null, (error, length) => {
      if (error) this.#failed(batch, error)
      // A disk may take less than it was given.
      else if (from + length < batch.bytes.length) this.#write(batch, from + length)
      else {
        this.#complained = false
        this.#written(batch)
      }
    })
  }

  #failed(batch: Batch, error: Error): void {
    this.dropped += batch.lines
    this.#complain('lines are dropped, the file cannot be written', error)
    this.#written(batch)
  }

  /** Once per outage: lost lines must not be lost silently, nor fill another log. */
  #complain(what: string, error?: Error): void {
    if (this.#complained) return
    this.#complained = true
    safely(consoleLog, {
      level: 'error',
      message: `fileLines: ${what}`,
      code: 'log-lines-dropped',
      path: this.#path,
      error,
    })
  }

  #written({ bytes }: Batch): void {
    this.#held -= bytes.length
    this.#writing = undefined
    if (bytes.buffer.byteLength === CHUNK) this.#spare = new Uint8Array(bytes.buffer as ArrayBuffer)
    if (this.#full.length > 0 || this.#at >= BATCH || this.#closed !== undefined) this.#flush()
    else if (this.#at > 0) this.#wait()
  }

  readonly #onExit = (): void => {
    // A batch whose file is not open yet is not on its way; one whose file is, the system finishes.
    const first = this.#fd === undefined && this.#writing !== undefined ? [this.#writing] : []
    this.#turn(0)
    try {
      for (const { bytes } of [...first, ...this.#full]) {
        this.#fd ??= openSync(this.#path, 'a', 0o600)
        writeSync(this.#fd, bytes)
      }
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
        if (this.#fd === undefined) resolve()
        else closeFile(this.#fd, () => resolve())
        this.#fd = undefined
      }
      // `#closed` is set when this runs.
      queueMicrotask(() => this.#flush())
    })
  }
}
