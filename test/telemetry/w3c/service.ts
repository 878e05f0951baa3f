/**
 * The service that the W3C's own trace-context tests ask for: it takes `[{ url, arguments }]` and posts each url its arguments,
 * in the trace of the request. `suite.test.ts` runs our wording of these tests; to run the originals against this service,
 * copy `test` of https://github.com/w3c/trace-context to a folder, and with Python's `aiohttp` installed:
 *
 *     node test/telemetry/w3c/serve.ts 5000 &
 *     STRICT_LEVEL=2 python3 <folder>/test.py http://127.0.0.1:5000/test
 */
import type { Tracer } from '@opentelemetry/api'
import type { Handler } from '../../../src/core/handler.ts'
import { tracedFetch } from '../../../src/telemetry/otel/outgoing.ts'
import { trace } from '../../../src/telemetry/otel/trace.ts'

interface Call {
  readonly url: string
  readonly arguments: readonly Call[]
}

/** The service. Callers are trusted: that is what these tests are about. */
export function service(tracer?: Tracer, fetch?: typeof globalThis.fetch): Handler {
  const answer: Handler = async (request, context) => {
    const out = tracedFetch(context, fetch)
    const statuses: number[] = []
    for (const call of await request.json() as readonly Call[]) {
      const response = await out(call.url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(call.arguments),
      })
      statuses.push(response.status)
      await response.body?.cancel()
    }
    return Response.json(statuses)
  }
  return trace({ tracer, trust: () => true })(answer)
}
