/** How long others may take: nothing that alerts ask or tell is waited for without end. */
import type { MaybePromise } from '../../core/handler.ts'
import { isPromise } from '../../core/handler.ts'

/** How long one value may take to read, and one notice to deliver. */
export const PATIENCE = 10_000

/** What has not come to an end by now never will: on Workers, what one request began may have ended with it. */
export const LOST = 12_000

/** What `work` comes to. Rejects if it throws, and, aborting its signal, if it takes too long. */
export async function within<T>(ms: number, work: (signal: AbortSignal) => MaybePromise<T>): Promise<T> {
  const deadline = new AbortController()
  const given = work(deadline.signal)
  if (!isPromise(given)) return given
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`no answer within ${ms / 1_000} seconds`))
      deadline.abort()
    }, ms)
  })
  try {
    return await Promise.race([given, late])
  } finally {
    clearTimeout(timer)
  }
}
