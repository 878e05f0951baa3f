/** Server-sent events: one message per look, for as long as somebody looks. */
import type { Context } from '../../core/context.ts'

/** What a feed is made of. */
export interface FeedOptions {
  /** Milliseconds between messages. */
  readonly every: number
  /** How many may look at a time. */
  readonly viewers: number
  /** One message, as text without line breaks. */
  readonly message: (context: Context) => Promise<string>
}

/** A page that stays open is asked again who it is. */
const LONGEST = 300_000
/** How soon a closing server's viewers are let go. */
const GLANCE = 200
const RETRY = 2_000

interface Viewer {
  /** When it last took a message. */
  seenAt: number
  leave(): void
}

/**
 * Each viewer is a stream that makes its messages when they are asked for, with a timer of its own. So nothing runs while
 * nobody looks, who reads slowly is sent less, and on Workers no request waits for another's.
 */
export class Feed {
  readonly #options: FeedOptions
  readonly #viewers = new Set<Viewer>()

  constructor(options: FeedOptions) {
    this.#options = options
  }

  get viewers(): number {
    return this.#viewers.size
  }

  /** A stream for one more viewer, or `undefined` if there are as many as may be. */
  open(context: Context): ReadableStream<Uint8Array> | undefined {
    const { every, viewers, message } = this.#options
    const { clock, platform } = context
    const now = clock.monotonic()
    // A client that vanished without a word takes nothing, and its runtime may not have told.
    for (const viewer of this.#viewers) if (now - viewer.seenAt > 15 * every) viewer.leave()
    if (this.#viewers.size >= viewers) return undefined
    const encoder = new TextEncoder()
    let over = false
    let wake: (() => void) | undefined
    let begun = false
    const viewer: Viewer = {
      seenAt: now,
      leave: () => {
        over = true
        this.#viewers.delete(viewer)
        wake?.()
      },
    }
    this.#viewers.add(viewer)

    const pause = (ms: number): Promise<void> =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, ms)
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    const waited = async (): Promise<void> => {
      for (let left = every; left > 0 && !over && !platform.draining; left -= GLANCE) {
        await pause(Math.min(left, GLANCE))
      }
    }

    return new ReadableStream<Uint8Array>({
      async pull(controller) {
        viewer.seenAt = clock.monotonic()
        if (begun) await waited()
        const ending = platform.draining || viewer.seenAt - now > LONGEST
        const text = over ? '' : await message(context).then((json) => `data: ${json}\n\n`, () => ': nothing new\n\n')
        if (over) {
          closed(controller)
          return
        }
        controller.enqueue(encoder.encode(begun ? text : `retry: ${RETRY}\n${text}`))
        begun = true
        if (ending) {
          viewer.leave()
          controller.close()
        }
      },
      cancel: () => viewer.leave(),
    }, { highWaterMark: 0 })
  }
}

/** Who left has closed it already. */
function closed(controller: ReadableStreamDefaultController<Uint8Array>): void {
  try {
    controller.close()
  } catch {
    // Cancelled.
  }
}
