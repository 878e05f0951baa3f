/**
 * Problems: what refusals and errors say to a client (RFC 9457).
 *
 * `type` is the IANA-registered problem type where one exists, else `about:blank`, and then `title` is the status phrase
 * (RFC 9457 §4.2.1). Our `code` member tells conditions apart; it names the condition, not the wrapper. Codes are API:
 * adding one is minor, changing one is major. `detail` is said by the wrapper, or is the code as a sentence: never a stack, a cause or a value that came in.
 */
import type { Context } from './context.ts'
import type { HasRequestId } from './facts.ts'

/** The codes that wrappers of this library use. */
export type ProblemCode =
  | 'bad-request'
  | 'content-length-invalid'
  | 'body-length-mismatch'
  | 'body-unreadable'
  | 'body-malformed'
  | 'encoding-invalid'
  | 'input-too-complex'
  | 'input-invalid'
  | 'file-unexpected'
  | 'cost-exceeds-limit'
  | 'idempotency-key-missing'
  | 'idempotency-key-invalid'
  | 'unauthenticated'
  | 'forbidden'
  | 'address-not-allowed'
  | 'origin-not-allowed'
  | 'https-required'
  | 'not-found'
  | 'method-not-allowed'
  | 'idempotency-key-in-use'
  | 'response-not-replayable'
  | 'length-required'
  | 'body-too-large'
  | 'file-too-large'
  | 'content-type-unsupported'
  | 'content-encoding-unsupported'
  | 'file-type-unsupported'
  | 'host-not-allowed'
  | 'idempotency-key-reused'
  | 'rate-limit-exceeded'
  | 'concurrency-exceeded'
  | 'banned'
  | 'headers-too-large'
  | 'internal-error'
  | 'response-invalid'
  | 'guard-unavailable'
  | 'overloaded'
  | 'not-ready'
  | 'deadline-exceeded'

/** Every code of ours, and the status it has unless said otherwise. */
export const PROBLEMS: Readonly<Record<ProblemCode, number>> = {
  'bad-request': 400,
  'content-length-invalid': 400,
  'body-length-mismatch': 400,
  'body-unreadable': 400,
  'body-malformed': 400,
  'encoding-invalid': 400,
  'input-too-complex': 400,
  'input-invalid': 400,
  'file-unexpected': 400,
  'cost-exceeds-limit': 400,
  'idempotency-key-missing': 400,
  'idempotency-key-invalid': 400,
  unauthenticated: 401,
  forbidden: 403,
  'address-not-allowed': 403,
  'origin-not-allowed': 403,
  'https-required': 403,
  'not-found': 404,
  'method-not-allowed': 405,
  'idempotency-key-in-use': 409,
  'response-not-replayable': 409,
  'length-required': 411,
  'body-too-large': 413,
  'file-too-large': 413,
  'content-type-unsupported': 415,
  'content-encoding-unsupported': 415,
  'file-type-unsupported': 415,
  'host-not-allowed': 421,
  'idempotency-key-reused': 422,
  'rate-limit-exceeded': 429,
  'concurrency-exceeded': 429,
  banned: 429,
  'headers-too-large': 431,
  'internal-error': 500,
  'response-invalid': 500,
  'guard-unavailable': 503,
  overloaded: 503,
  'not-ready': 503,
  'deadline-exceeded': 504,
}

/** A problem as data: what a guard refuses with. */
export interface ProblemInit {
  /** HTTP status, 400 to 599. */
  readonly status: number
  /** Kebab-case, names the condition. Yours may be any; ours are {@link ProblemCode}. */
  readonly code: ProblemCode | (string & {})
  /** Default: the status phrase. */
  readonly title?: string | undefined
  /** One sentence for the client. (the code as a sentence) */
  readonly detail?: string | undefined
  /** A URI that identifies the problem type. (`'about:blank'`) */
  readonly type?: string | undefined
  /** Header fields of the refusal, e.g. `Retry-After`. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Extension members (RFC 9457 §3.2). */
  readonly members?: Readonly<Record<string, unknown>> | undefined
}

/** Makes one of our problems from its code. `more` overrides. */
export function problem(code: ProblemCode, more?: Partial<Omit<ProblemInit, 'code'>>): ProblemInit {
  return { status: PROBLEMS[code], code, ...more }
}

/** What a code says as a sentence, where nothing better is said: `body-too-large` is "Body too large." */
function sentence(code: string): string {
  return `${code[0]?.toUpperCase() ?? ''}${code.slice(1).replaceAll('-', ' ')}.`
}

/** What {@link Problem} takes beside status and code. */
export interface ProblemOptions extends Omit<ProblemInit, 'status' | 'code'> {
  /** What went wrong inside: logged, never sent. */
  readonly cause?: unknown
}

/** A problem to throw from a handler: `throw new Problem(404, 'note-not-found', { detail: 'No such note.' })`. */
export class Problem extends Error implements ProblemInit {
  override readonly name = 'Problem'
  readonly status: number
  readonly code: string
  readonly title: string | undefined
  readonly detail: string | undefined
  readonly type: string | undefined
  readonly headers: Readonly<Record<string, string>> | undefined
  readonly members: Readonly<Record<string, unknown>> | undefined

  /** Throws a RangeError unless `status` is a whole number from 400 to 599. */
  constructor(status: number, code: ProblemCode | (string & {}), options: ProblemOptions = {}) {
    super(options.detail ?? code, 'cause' in options ? { cause: options.cause } : undefined)
    if (!Number.isInteger(status) || status < 400 || status > 599) {
      throw new RangeError(`Problem: status must be 400 to 599`)
    }
    this.status = status
    this.code = code
    this.title = options.title
    this.detail = options.detail
    this.type = options.type
    this.headers = options.headers
    this.members = options.members
  }
}

/** A problem to throw, from one as data. */
export function thrown(init: ProblemInit): Problem {
  return new Problem(init.status, init.code, init)
}

/** How problems look on the wire: the media type, and the body to send as JSON. */
export type ProblemFormat = (problem: ProblemInit, context: Context) => {
  readonly contentType: string
  readonly body: unknown
}

/** RFC 9457, the default. */
export const problemDetails: ProblemFormat = (problem, context) => {
  const id = (context as Partial<HasRequestId>).requestId
  return {
    contentType: 'application/problem+json',
    body: {
      ...problem.members,
      type: problem.type ?? 'about:blank',
      title: problem.title ?? statusPhrase(problem.status),
      status: problem.status,
      detail: problem.detail ?? sentence(problem.code),
      // RFC 9457 §3.1.5: a URI; a UUID has a scheme of its own (RFC 9562 §4).
      instance: id === undefined ? undefined : UUID.test(id) ? `urn:uuid:${id}` : `#${encodeURIComponent(id)}`,
      code: problem.code,
    },
  }
}

const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i

/** The envelope of older services, for clients that know it: `{ success, error, message, statusCode, timestamp, requestId, details }`. */
export const legacyEnvelope: ProblemFormat = (problem, context) => {
  const { errors, ...members } = problem.members ?? {}
  const wait = problem.headers?.['retry-after'] ?? ''
  const name = problem.code === 'input-invalid'
    ? 'ValidationError'
    : statusPhrase(problem.status).replace(/[^A-Za-z]/g, '')
  return {
    contentType: 'application/json',
    body: {
      retryAfter: /^\d+$/.test(wait) ? Number(wait) : undefined,
      ...members,
      success: false,
      error: name,
      message: problem.code === 'input-invalid'
        ? 'Validation failed. Please check your input.'
        : problem.detail ?? sentence(problem.code),
      statusCode: problem.status,
      timestamp: new Date(context.clock.now()).toISOString(),
      requestId: (context as Partial<HasRequestId>).requestId,
      details: Array.isArray(errors) ? errors.map(legacyDetail) : undefined,
    },
  }
}

function legacyDetail({ pointer, message, code }: { pointer?: string; message?: string; code?: string }): object {
  return { field: (pointer ?? '').replace(/^#?\//, '').replaceAll('/', '.'), message, code }
}

/**
 * Answers with a problem. A refusal is a response, not an exception: it costs half of one, every wrapper outside sees it,
 * and its head (security headers, CORS) is the request's, so it cannot lose them. Marked `no-store`.
 */
export function refuse(context: Context, problem: ProblemInit): Response {
  const { contentType, body } = (context.format ?? problemDetails)(problem, context)
  context.attributes['problem.code'] = problem.code
  return new Response(JSON.stringify(body), {
    status: problem.status,
    headers: { ...problem.headers, 'content-type': contentType, 'cache-control': 'no-store' },
  })
}

/** Status phrases (RFC 9110 §15; 429 and 431: RFC 6585). */
const PHRASES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  409: 'Conflict',
  410: 'Gone',
  411: 'Length Required',
  412: 'Precondition Failed',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  421: 'Misdirected Request',
  422: 'Unprocessable Content',
  426: 'Upgrade Required',
  428: 'Precondition Required',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
}

function statusPhrase(status: number): string {
  return PHRASES[status] ?? (status < 500 ? 'Client Error' : 'Server Error')
}
