/** Uploads to a folder, on Node, Bun and Deno. */
import type { FileHandle } from 'node:fs/promises'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { FileSink } from '../../src/input/uploads/file.ts'

/** A file in a folder. */
export interface StoredFile {
  /** The folder's path, and the file's `key`. */
  readonly path: string
  /** In bytes. */
  readonly size: number
}

/**
 * A sink that writes each file to a folder, under its `key`. Makes the folder (mode 0700) when the first file comes, and
 * files for their owner only (mode 0600). A file that is not whole has another name, and goes where its stream breaks.
 *
 * Let no server hand out the folder as it is: serve files by a handler, with the type that was found.
 *
 * Throws: when made: TypeError if `path` is empty.
 * Fails:  rejects with what the stream broke with, or with the file system's error.
 * Costs:  one chunk in memory: the disk is waited for.
 *
 * @example
 * const { files } = await upload.save(folderSink('uploads'))
 */
export function folderSink(path: string): FileSink<StoredFile> {
  if (typeof path !== 'string' || path === '') throw new TypeError('folderSink: path must be that of a folder')
  return {
    async store({ key, stream }) {
      // Ours, and harmless; but what a path is made of is worth a second look.
      if (!/^\w[\w.-]*$/.test(key)) throw new TypeError('folderSink: key must be a bare name')
      const partial = join(path, `.${key}.part`)
      const whole = join(path, key)
      const reader = stream.getReader()
      let file: FileHandle | undefined
      try {
        await mkdir(path, { recursive: true, mode: 0o700 })
        file = await open(partial, 'wx', 0o600)
        let size = 0
        for (;;) {
          const { done, value } = await reader.read()
          if (done) break
          await write(file, value)
          size += value.byteLength
        }
        await file.close()
        await rename(partial, whole)
        return { path: whole, size }
      } catch (error) {
        void reader.cancel(error).catch(() => {})
        // Not a file that was there before: another's.
        if (file !== undefined) await discard(file, partial)
        throw error
      }
    },
    async remove({ path }) {
      await rm(path, { force: true })
    },
  }
}

async function write(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let from = 0; from < bytes.byteLength;) {
    // A disk may take less than it was given.
    const { bytesWritten } = await file.write(bytes, from, bytes.byteLength - from)
    from += bytesWritten
  }
}

/** What went wrong before is what there is to say. */
async function discard(file: FileHandle, path: string): Promise<void> {
  await file.close().catch(() => {})
  await rm(path, { force: true }).catch(() => {})
}
