import type { Context } from '../core/context.ts'
import { extend } from '../core/context.ts'
import type { HasRequestId } from '../core/facts.ts'
import { fieldName } from '../core/fields.ts'
import type { Wrapper } from '../core/handler.ts'
import type { Test } from '../core/when.ts'
import { exemption } from '../core/when.ts'

/** Options of {@link requestId}. */
export interface RequestIdOptions {
  /** The header of request and response. (`'x-request-id'`) */
  readonly header?: string | undefined
  /** Whose inbound id to take over, e.g. `fromPeers('10.0.0.0/8')`. (nobody's) */
  readonly accept?: Test | undefined
  /** Makes an id. (`crypto.randomUUID()`) */
  readonly generate?: ((context: Context) => string) | undefined
}

const SAFE = /^[A-Za-z0-9_-]{8,128}$/

/**
 * Gives every request an id, tells it to the client, and lets everything inside log it.
 *
 * An inbound id is taken only from callers that `accept` trusts and only in the form `[A-Za-z0-9_-]{8,128}`; anything else
 * (a megabyte, a newline, `${jndi:`) is replaced, so the id is always safe to log and to send.
 *
 * Needs:   nothing.
 * Adds:    `requestId`; the response header, save on redirects and 304, which caches keep.
 * Refuses: nothing.
 * Throws:  when made: TypeError if `header` is not a token. Per request: what `generate` throws, and a TypeError if its
 *          id could not be a header value.
 * Fails:   not.
 * Costs:   one UUID and a header: 0.3 to 0.7 µs.
 * Source:  RFC 9562 §5.4.
 *
 * @example
 * requestId({ accept: fromPeers('10.0.0.0/8') })
 */
export function requestId(options: RequestIdOptions = {}): Wrapper<HasRequestId> {
  const { accept, generate = () => crypto.randomUUID() } = options
  const header = fieldName(options.header ?? 'x-request-id')
  if (accept !== undefined && typeof accept !== 'function') throw new TypeError('requestId: accept must be a function')
  if (typeof generate !== 'function') throw new TypeError('requestId: generate must be a function')
  const trusts = accept && exemption(accept)
  return (next) => (request, context) => {
    // Exactly true: an `async` test gives a promise, which is truthy, and would trust everybody.
    const inbound = trusts?.(request, context) === true ? request.headers.get(header) : null
    const id = inbound !== null && SAFE.test(inbound) ? inbound : generate(context)
    context.head.transient(header, id)
    return next(request, extend(context, { requestId: id }))
  }
}
