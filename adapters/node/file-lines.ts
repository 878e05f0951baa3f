/** Lines to a file, on Node, Bun and Deno: the disk is never waited for by a request. */
import { Buffer } from 'node:buffer'
import { close as closeFile, open, openSync, write, writeSync } from 'node:fs'
import process from 'node:process'
import type { LineSink } from '../../src/core/log.ts'
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

/**
 * A sink that appends lines to a file, in batches, one write at a time. Opens it (mode 0600) on the first line. Never
 * throws and never blocks; what still waits when the process exits is written then, synchronously.
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

class File {
  readonly #path: string
  readonly #every: number
  readonly #most: number
  dropped = 0
  #text = ''
  #lines = 0
  /** What is being written, and how much of it is. */
  #batch: Buffer | undefined
  #fd: number | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #listening = false
  #closed: Promise<void> | undefined
  #idle: (() => void) | undefined

  constructor(path: string, every: number, most: number) {
    this.#path = path
    this.#every = every
    this.#most = most
  }

  add(line: string): void {
    if (this.#closed !== undefined || this.#text.length + line.length >= this.#most) {
      this.dropped++
      return
    }
    this.#text += line
    this.#text += '\n'
    this.#lines++
    if (this.#batch !== undefined) return
    if (this.#text.length >= BATCH) this.#flush()
    else if (this.#timer === undefined) this.#wait()
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
    if (this.#batch !== undefined) return
    if (this.#text === '') {
      this.#idle?.()
      return
    }
    const lines = this.#lines
    const batch = Buffer.from(this.#text)
    this.#batch = batch
    this.#text = ''
    this.#lines = 0
    if (this.#fd !== undefined) return this.#write(batch, lines)
    open(this.#path, 'a', 0o600, (error, fd) => {
      if (error) return this.#written(lines)
      this.#fd = fd
      this.#write(batch, lines)
    })
  }

  #write(batch: Buffer, lines: number): void {
    write(this.#fd!, batch, 0, batch.byteLength, null, (error, length) => {
      if (error) return this.#written(lines)
      if (length === batch.byteLength) return this.#written(0)
      // A disk may take less than it was given.
      const rest = batch.subarray(length)
      this.#batch = rest
      this.#write(rest, lines)
    })
  }

  #written(lost: number): void {
    this.dropped += lost
    this.#batch = undefined
    if (this.#text.length >= BATCH || this.#closed !== undefined) this.#flush()
    else if (this.#text !== '') this.#wait()
  }

  readonly #onExit = (): void => {
    try {
      // A batch whose file is not open yet is not on its way; one whose file is, the system finishes.
      const waiting = this.#fd === undefined && this.#batch !== undefined
        ? this.#batch.toString() + this.#text
        : this.#text
      if (waiting !== '') writeSync(this.#fd ?? openSync(this.#path, 'a', 0o600), waiting)
    } catch {
      // Nowhere left to say it.
    }
    this.#text = ''
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
