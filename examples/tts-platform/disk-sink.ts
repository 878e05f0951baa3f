/** Files of a Worker on this machine: workerd serves a folder over HTTP. And a sink of one's own, whole. */
import type { FileSink } from '../../src/input/uploads.ts'

/** A service that a Worker is bound to. */
export interface Fetcher {
  readonly fetch: (url: string, init?: RequestInit) => Promise<Response>
}

/** Stores with PUT, as it comes. */
export function diskSink(files: Fetcher): FileSink<{ readonly path: string }> {
  const send = async (path: string, init: RequestInit): Promise<{ path: string }> => {
    const { status } = await files.fetch(`http://files/${path}`, init)
    if (status >= 300) throw new Error(`the disk answered ${status}`)
    return { path }
  }
  const remove = async (path: string): Promise<void> => void await send(path, { method: 'DELETE' })
  return {
    store: async ({ key, stream }) => {
      try {
        return await send(key, { method: 'PUT', body: stream, duplex: 'half' } as RequestInit)
      } catch (error) {
        await remove(key).catch(() => {}) // half a file, or none
        throw error
      }
    },
    remove: ({ path }) => remove(path),
  }
}
