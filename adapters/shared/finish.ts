/** The edge of the fetch runtimes. */
import type { Context } from '../../src/core/context.ts'
import { ended } from '../../src/core/context.ts'
import { finish, writeHead } from '../../src/core/response.ts'

/**
 * Core's `finish`, but for two kinds of response whose body must not be tapped. Bun gives a string its Content-Type only
 * when it is sent, so that a tap would change it, and a response without a type is most likely a string. And the body of
 * an answer to HEAD is dropped unread (by Hono, by the runtime): its tap would never end.
 */
export function finishOn(response: Response, request: Request, context: Context): Response {
  if (context.endListeners === undefined) return writeHead(response, context)
  const untyped = context.platform.name === 'bun' && response.headers.get('content-type') === null
  if (!untyped && request.method !== 'HEAD') return finish(response, context)
  const out = writeHead(response, context)
  ended(context, { status: out.status, bytes: request.method === 'HEAD' ? 0 : undefined, outcome: 'complete' })
  return out
}
