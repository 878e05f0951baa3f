/** S0's separate log of rate-limit violations and security events: a reader of what the guards recorded. */
import { type Edge, jsonLine, type LineSink, onEnd, rawPath, type Wrapper } from '../../src/index.ts'
import type { Caller } from './identity.ts'

/** Writes one JSON line per event, when its response has left. */
export function violationLog(write: LineSink): Wrapper<{}, Edge> {
  return (next) => (request, context) => {
    onEnd(context, () => {
      const { requestId, clientIp, principal }: Edge & Caller = context
      const time = new Date(context.clock.now()).toISOString()
      for (const event of context.events) {
        if (event.kind === 'altered') continue // a space trimmed is no offence; the access log has it
        write(jsonLine({
          time,
          ...event,
          requestId,
          client: clientIp,
          principal: principal?.id,
          method: request.method,
          path: rawPath(request),
        }))
      }
    })
    return next(request, context)
  }
}
