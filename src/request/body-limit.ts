import { contentLength, hasBody, readBody } from '../core/body.ts'
import { described } from '../core/description.ts'
import { refuseBy } from '../core/guard.ts'
import type { Wrapper } from '../core/handler.ts'
import { Problem, problem } from '../core/problem.ts'
import type { Size } from '../core/quantity.ts'
import { bytes } from '../core/quantity.ts'
import { limited } from '../core/stream.ts'

/** Options of {@link bodyLimit}. */
export interface BodyLimitOptions {
  /** The largest body. (`'1mb'`) */
  readonly max?: Size | undefined
  /**
   * What to do with a body that comes without Content-Length. (`'read'`)
   *
   * - `'read'`: read it, up to `max`, before the handler runs, so that one too large is a 413 and the handler never starts.
   * - `'stream'`: hand it on as it comes, counted; beyond `max` the stream breaks and the client gets a 413.
   * - `'refuse'`: 411.
   */
  readonly unknownLength?: 'read' | 'stream' | 'refuse' | undefined
}

/**
 * Bounds the request's body, from the headers alone where they tell, from the bytes where they do not.
 *
 * A body with a Content-Length is passed on untouched: the servers of all runtimes hold it to that length. Where none does
 * (a plain function, a service worker), the bytes are counted, and a lie is found either way.
 *
 * Needs:   nothing.
 * Adds:    nothing.
 * Refuses: 413 `body-too-large`; 400 `content-length-invalid`, `body-length-mismatch`, `body-unreadable`; 411
 *          `length-required`.
 * Throws:  when made: TypeError if an option is not usable.
 * Fails:   closed: what cannot be measured is not passed on.
 * Costs:   one header; memory up to `max` for a body of unknown length that is read first.
 * Source:  RFC 9110 §8.6, §15.5.14; CVE-2026-44456.
 *
 * @example
 * bodyLimit({ max: '100kb' })
 */
export function bodyLimit(options: BodyLimitOptions = {}): Wrapper {
  const most = bytes(options.max ?? '1mb', 'bodyLimit: max')
  const { unknownLength = 'read' } = options
  if (!['read', 'stream', 'refuse'].includes(unknownLength)) {
    throw new TypeError(`bodyLimit: unknownLength must be 'read', 'stream' or 'refuse'`)
  }
  const tooLarge = problem('body-too-large')
  const wrapper: Wrapper = (next) => (request, context) => {
    // In Fetch these have no body, whatever their header says.
    if (request.method === 'GET' || request.method === 'HEAD') return next(request, context)
    const length = contentLength(request)
    if (length !== undefined) {
      if (length > most) return refuseBy(context, 'body-limit', tooLarge)
      if (Number.isNaN(length)) return refuseBy(context, 'body-limit', problem('content-length-invalid'))
      if (context.platform.framed) return next(request, context)
    }
    if (!hasBody(request, context)) {
      return length ? refuseBy(context, 'body-limit', problem('body-length-mismatch')) : next(request, context)
    }
    if (unknownLength === 'refuse' && length === undefined) {
      return refuseBy(context, 'body-limit', problem('length-required'))
    }
    if (unknownLength === 'stream') return next(counted(request, length ?? most), context)
    return readBody(request, context, most).then(
      () => next(request, context),
      (error: unknown) => {
        if (error instanceof Problem) return refuseBy(context, 'body-limit', error)
        throw error
      },
    )
  }
  return described(wrapper, { name: 'body-limit' })
}

function counted(request: Request, most: number): Request {
  const { method, url, headers, signal, body } = request
  return new Request(url, { method, headers, signal, body: limited(body!, most), duplex: 'half' } as RequestInit)
}
