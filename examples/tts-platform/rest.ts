/** How to set up `@upstash/redis`: the limits have a deadline and a breaker of their own. */
export function restOptions(url: string, token: string): RestOptions {
  return { url, token, retry: false, enableTelemetry: false, signal: hurry }
}

interface RestOptions {
  readonly url: string
  readonly token: string
  readonly retry: false
  readonly enableTelemetry: false
  readonly signal: () => AbortSignal
}

/** Cuts a call that nobody waits for any more, so that connections do not pile up. */
function hurry(): AbortSignal {
  return AbortSignal.timeout(1_000)
}
