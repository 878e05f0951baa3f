/** The step from Node's request to ours, by `@hono/node-server`: its light Request and Response are the fast path. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { getRequestListener, RequestError } from '@hono/node-server'
import type { MaybePromise } from '../../src/core/handler.ts'
import { early, earlyResponse } from '../shared/early.ts'
import { TARGET } from './incoming.ts'

const BROKEN = early('internal-error')

/** A listener that gives `respond` Fetch requests. What is no request at all it answers with a 400 problem. */
export function listenerFor<Bindings>(
  respond: (request: Request, env: Bindings) => MaybePromise<Response>,
): (incoming: IncomingMessage, outgoing: ServerResponse) => void {
  const listener = getRequestListener((request, env) => respond(request, env as Bindings), {
    // HTTP/1.0 needs no Host.
    hostname: 'localhost',
    errorHandler: (error) => earlyResponse(error instanceof RequestError ? TARGET : BROKEN),
  })
  return (incoming, outgoing) => void listener(incoming, outgoing)
}
