/** How a server of a fetch runtime closes. */
import type { Context } from '../../src/core/context.ts'
import type { Log } from '../../src/core/log.ts'
import { safely } from '../../src/core/log.ts'
import { finish } from '../../src/core/response.ts'
import type { Background } from './background.ts'

/** A platform that the adapter may still change. */
export interface OpenPlatform {
  readonly name: 'bun' | 'deno'
  readonly framed: boolean
  readonly ephemeral: boolean
  draining: boolean
  /**
   * It stops: answers in flight say `Connection: close`. Not said earlier, for then busy clients come back on new
   * connections just when the listener closes. What is idle that instant, the runtimes close without asking: a keep-alive
   * client whose next request is under way is reset, as it is by any such server. `grace` gives a balancer time.
   */
  closing: boolean
}

/** What {@link closer} takes. */
export interface Closing {
  readonly platform: OpenPlatform
  readonly background: Background
  /** Milliseconds to go on accepting while readiness already fails. */
  readonly grace: number
  /** Milliseconds for requests in flight and background work. */
  readonly within: number
  /** Stops accepting; resolves when the requests in flight are answered. */
  readonly stop: () => Promise<unknown>
  /** Cuts what is left. */
  readonly cut: () => unknown
  readonly log: Log
}

/** The `close` of a server: readiness fails, requests finish, work drains; what is left is cut. Once. */
export function closer({ platform, background, grace, within, stop, cut, log }: Closing): () => Promise<void> {
  const shut = async (): Promise<void> => {
    platform.draining = true
    if (grace > 0) await new Promise((resolve) => setTimeout(resolve, grace))
    platform.closing = true
    let timer: ReturnType<typeof setTimeout> | undefined
    const deadline = new Promise<'late'>((resolve) => timer = setTimeout(() => resolve('late'), within))
    const outcome = await Promise.race([drained(stop(), background), deadline])
    clearTimeout(timer)
    if (outcome !== 'late') return
    safely(log, { level: 'warn', message: 'close: cut what had not finished in time', code: 'drain-deadline' })
    await cut()
  }
  let closing: Promise<void> | undefined
  return () => closing ??= shut()
}

/** {@link finish}; keep-alive clients are told when to go. */
export function leave(response: Response, context: Context, request: Request): Response {
  if ((context.platform as OpenPlatform).closing === true) context.head.force('connection', 'close')
  return finish(response, context, request)
}

async function drained(stopped: Promise<unknown>, background: Background): Promise<void> {
  await stopped
  await background.drain()
}
