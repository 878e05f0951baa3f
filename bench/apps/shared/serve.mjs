// Serves a fetch handler with what each runtime offers for it: Bun.serve, Deno.serve, or @hono/node-server.
import { announce, HOST, PORT } from './lifecycle.mjs'

export const runtime = globalThis.Bun ? 'bun' : globalThis.Deno ? 'deno' : 'node'

export async function serveFetch(handler) {
  if (runtime === 'bun') {
    announce(Bun.serve({ port: PORT, hostname: HOST, fetch: handler }).port)
  } else if (runtime === 'deno') {
    Deno.serve({ port: PORT, hostname: HOST, onListen: ({ port }) => announce(port) }, handler)
  } else {
    const { serve } = await import('@hono/node-server')
    serve({ fetch: handler, port: PORT, hostname: HOST }, ({ port }) => announce(port))
  }
}
