/** The error boundary: what is thrown becomes a problem, logged with its cause under the request's id. */
import type { Context } from './context.ts'
import { record } from './event.ts'
import type { HasRequestId } from './facts.ts'
import type { Wrapper } from './handler.ts'
import { isPromise } from './handler.ts'
import type { Log } from './log.ts'
import { consoleLog, safely } from './log.ts'
import type { ProblemFormat, ProblemInit } from './problem.ts'
import { Problem, problem, refuse } from './problem.ts'

/** Options of {@link errors}. */
export interface ErrorsOptions {
  /** How problems look on the wire: RFC 9457, or `legacyEnvelope`, or yours. (RFC 9457) */
  readonly format?: ProblemFormat | undefined
  /** Where bugs are logged, with cause and stack. (JSON lines on standard error) */
  readonly log?: Log | undefined
}

/**
 * Turns what is thrown inside it into a problem response.
 *
 * A thrown `Response` is the answer. A thrown {@link Problem} is sent as it says. An error with `expose: true` and a 4xx
 * `status` (the convention of `http-errors`) may show its message. Anything else (an Error, a string, `null`, a frozen or
 * self-referring object) is a bug: 500 `internal-error`, with no word of the cause to the client.
 *
 * Needs:   nothing; logs `requestId` when it is there.
 * Adds:    nothing to the context; event `error`, attribute `problem.code`.
 * Refuses: what is thrown.
 * Throws:  when made: TypeError if `format` or `log` is not a function.
 * Fails:   a sink that throws is ignored; the client gets its problem all the same.
 * Costs:   one `try`; one promise reaction for an asynchronous handler.
 * Source:  RFC 9457; ASVS 5 16.5.1, 16.5.4.
 *
 * @example
 * errors({ format: legacyEnvelope })
 */
export function errors(options: ErrorsOptions = {}): Wrapper {
  const { format, log = consoleLog } = options
  if (format !== undefined && typeof format !== 'function') throw new TypeError('errors: format must be a function')
  if (typeof log !== 'function') throw new TypeError('errors: log must be a function')
  return (next) => (request, context) => {
    if (format !== undefined) context.format = format
    try {
      const response = next(request, context)
      return isPromise(response)
        ? response.then(undefined, (error: unknown) => answer(error, request, context, log))
        : response
    } catch (error) {
      return answer(error, request, context, log)
    }
  }
}

/** The response to something thrown. Never throws. */
export function answer(error: unknown, request: Request, context: Context, log: Log = consoleLog): Response {
  // The client left, and what waited for it broke: a read of its body, a fetch on its signal. Not a bug; nobody gets this.
  const left = request.signal?.aborted === true
  let said: ProblemInit = left
    ? problem('body-unreadable')
    : problem('internal-error', { detail: 'Something went wrong on our side.' })
  try {
    const thrown = responseOf(error)
    if (thrown !== undefined) {
      if (thrown.status >= 500) {
        report(problem('internal-error', { status: thrown.status }), { error }, request, context, log)
      }
      return thrown
    }
    said = problemOf(error) ?? said
  } catch {
    // A trap for whoever looks at it, such as a Proxy or a throwing getter, is a bug like any other.
  }
  try {
    const response = refuse(context, said)
    if (said.status >= 500) report(said, { error }, request, context, log)
    else if (left) safely(log, { level: 'info', message: 'the handler threw after the client left', error })
    return response
  } catch (failure) {
    // The user's format threw, or a header or member of the problem cannot be sent.
    report(problem('internal-error'), { error, failure }, request, context, log)
    return new Response(null, { status: 500, headers: { 'cache-control': 'no-store' } })
  }
}

function responseOf(error: unknown): Response | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  if (isResponse(error)) return error
  // Hono's HTTPException carries its own response.
  const carried = (error as { getResponse?: unknown }).getResponse
  const response: unknown = typeof carried === 'function' ? carried.call(error) : undefined
  return isResponse(response) ? response : undefined
}

/**
 * By its tag, not by `instanceof`: on Node, `@hono/node-server` replaces the global class, and what `fetch` returns is none.
 * A network error (status 0) cannot be sent.
 */
function isResponse(value: unknown): value is Response {
  return Object.prototype.toString.call(value) === '[object Response]' && (value as Response).status > 0
}

function problemOf(error: unknown): ProblemInit | undefined {
  if (error instanceof Problem) {
    const { status, code, title, detail, type, headers, members } = error
    return { status, code, title, detail, type, headers, members }
  }
  if (!(error instanceof Error)) return undefined
  const { status, expose } = error as { status?: unknown; expose?: unknown }
  const shown = expose === true && typeof status === 'number' && Number.isInteger(status) && status >= 400 &&
    status < 500
  return shown ? { status, code: 'bad-request', detail: error.message.slice(0, 200) } : undefined
}

function report({ code, status }: ProblemInit, what: object, request: Request, context: Context, log: Log): void {
  record(context, { kind: 'error', guard: 'errors', code, status })
  safely(log, {
    level: 'error',
    message: 'the handler threw',
    code,
    requestId: (context as Partial<HasRequestId>).requestId,
    method: request.method,
    ...what,
  })
}
