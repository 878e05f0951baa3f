import type { Bytes } from '../core/body.ts'
import { hasBody, readBody } from '../core/body.ts'
import type { Context } from '../core/context.ts'
import { randomBase64 } from '../core/crypto.ts'
import { described } from '../core/description.ts'
import { record } from '../core/event.ts'
import type { HasClientIp } from '../core/facts.ts'
import { isToken } from '../core/fields.ts'
import type { Decision, Refuse } from '../core/guard.ts'
import { ALLOW, guard, refusal } from '../core/guard.ts'
import type { Handler, Wrapper } from '../core/handler.ts'
import type { OutageOptions } from '../core/outage.ts'
import { Gate, isOutage } from '../core/outage.ts'
import { Problem, problem } from '../core/problem.ts'
import type { Duration, Size } from '../core/quantity.ts'
import { bytes, milliseconds, show } from '../core/quantity.ts'
import type { RecordStore } from '../core/store.ts'
import { memoryRecords } from '../stores/memory-records.ts'
import { isCounted } from './counted.ts'
import type { KeyOf } from './keys.ts'
import { byPrincipalOrClientIp } from './keys.ts'
import type { Taken } from './replay.ts'
import { entryOf, fingerprint, keyIn, recordKey, replayed, take, written } from './replay.ts'

/** Options of {@link idempotency}, beside `scope`. */
export interface IdempotencyOptions extends OutageOptions {
  /** Where requests and responses are kept: share it between processes. (a `memoryRecords()` of its own) */
  readonly store?: RecordStore | undefined
  /** Which methods it is about. (`['POST', 'PATCH']`) */
  readonly methods?: readonly string[] | undefined
  /** Refuse requests that have no key; else they pass as if this were not there. (true) */
  readonly required?: boolean | undefined
  /** How long a response can be had again. Tell your clients: a key may be used for something else after that. (`'24h'`) */
  readonly keepFor?: Duration | undefined
  /**
   * How long the work may take. After that a key whose work was never finished, because a process died, may be taken
   * again; so it must be longer than anything that the handler does, e.g. than its `timeout`. (`'1m'`)
   */
  readonly lease?: Duration | undefined
  /** The largest body of a response that is kept. (`'64kb'`) */
  readonly maxBody?: Size | undefined
  /** The largest body of a request, which is read before the handler runs. (`'1mb'`) */
  readonly maxRequest?: Size | undefined
  /**
   * Which responses leave nothing done, by their status: the key is free again, and whoever tries again runs the handler
   * again. `() => false` keeps all, as Stripe does: nothing is done twice, even where a 500 came after half of the work,
   * but then a passing failure stays the answer for `keepFor`. (`(status) => status >= 500 || status === 429`)
   */
  readonly release?: ((status: number) => boolean) | undefined
  /**
   * What to do when the store cannot answer: refuse with a 503, or let pass, and then a request that is sent twice is done
   * twice. (`'refuse'`)
   */
  readonly onOutage?: 'allow' | 'refuse' | undefined
}

/** Whose keys they are. */
export interface Scoped<Needs> {
  /**
   * Keys of two scopes never meet, so that nobody gets another's response. `undefined`: not for this request.
   * (`byPrincipalOrClientIp`)
   */
  readonly scope: KeyOf<Needs>
}

/** Where it is left out. */
export interface Unscoped {
  readonly scope?: undefined
}

/**
 * Does what a client asks for once, however often it asks: by the `Idempotency-Key` that it sends along.
 *
 * The first request with a key runs the handler. One that comes while it runs is told to wait; one that comes later gets the
 * same status, header fields (save `Set-Cookie`) and body again, marked `Idempotent-Replayed: true`. A key belongs to one
 * scope, method and path, and stands for one request: the same key with another query, media type or body is refused. It
 * may be a structured-field String (`"8e03978e"`) or, as most clients send it, bare.
 *
 * Nothing is kept of what a guard inside refused, of what was thrown, and of what `release` says: then the client may try
 * again with the same key. Responses are kept whole up to `maxBody`, as they are: mount this where they hold no secrets, or
 * keep the store as safe as those. Of streams, encoded bodies, and bodies of a type other than JSON or a string's that
 * come without `Content-Length`, nothing is kept but that they were sent: to ask again is a 409 that says so. What says
 * that it is JSON and is not all there after a second goes on as a stream.
 *
 * Mounted twice around one handler, the outer one counts. Mount it inside `authenticate`: an address is a weak scope, since
 * whoever shares it and knows key and body is given the response.
 *
 * Needs:   what `scope` reads: `clientIp`, unless said otherwise.
 * Adds:    nothing to the context; attribute `idempotency.replayed` on what was not done again.
 * Refuses: 400 `idempotency-key-missing`, `idempotency-key-invalid`; 409 `idempotency-key-in-use` with `Retry-After`, 409
 *          `response-not-replayable` with the `originalStatus`; 422 `idempotency-key-reused`; 413 `body-too-large` and
 *          the other codes of `bodyLimit`; 503 `guard-unavailable` in an outage.
 * Throws:  when made: TypeError if an option is not usable. Per request: what `scope` and `release` throw, and a TypeError
 *          if `scope` gives neither text nor `undefined`.
 * Fails:   closed, unless `onOutage` is `'allow'`. A store that goes out while the handler runs does not touch the response,
 *          but the key is free again after `lease` (event `response-not-kept`). A full `memoryRecords` is an outage.
 * Costs:   the request's body in memory and one SHA-256 over it; two steps of the store, both waited for, so that whoever
 *          has the response can have it again; a copy of a response that is kept. Other methods: nothing.
 * Source:  draft-ietf-httpapi-idempotency-key-header-07.
 *
 * @example
 * idempotency({ store: redisStore(client), keepFor: '24h', lease: '2m' })
 */
export function idempotency<Needs>(options: IdempotencyOptions & Scoped<Needs>): Wrapper<{}, Needs>
export function idempotency(options?: IdempotencyOptions & Unscoped): Wrapper<{}, HasClientIp>
export function idempotency<Needs>(
  options: IdempotencyOptions & (Scoped<Needs> | Unscoped) = {},
): Wrapper<{}, Needs> | Wrapper<{}, HasClientIp> {
  const { scope } = options
  return scope === undefined ? scoped(options, byPrincipalOrClientIp) : scoped(options, scope)
}

/** What a request has claimed. */
interface Claim {
  readonly key: string
  /** What the store has for it, while it is ours. */
  readonly value: string
  readonly print: string
}

function scoped<Needs>(options: IdempotencyOptions, scope: KeyOf<Needs>): Wrapper<{}, Needs> {
  const { store = memoryRecords(), methods = ['POST', 'PATCH'], required = true, onOutage = 'refuse' } = options
  const { release = (status: number): boolean => status >= 500 || status === 429 } = options
  if (typeof scope !== 'function') {
    throw new TypeError('idempotency: scope must be a function such as byPrincipalOrClientIp')
  }
  if (typeof store?.claim !== 'function') {
    throw new TypeError('idempotency: store must be a RecordStore such as memoryRecords()')
  }
  if (!Array.isArray(methods) || methods.length === 0 || !methods.every(isMethod)) {
    throw new TypeError(`idempotency: methods must be a list such as ['POST', 'PATCH'], got ${show(methods)}`)
  }
  if (typeof required !== 'boolean') throw new TypeError('idempotency: required must be true or false')
  if (typeof release !== 'function') throw new TypeError('idempotency: release must be a function')
  if (onOutage !== 'allow' && onOutage !== 'refuse') {
    throw new TypeError(`idempotency: onOutage must be 'allow' or 'refuse'`)
  }
  const applies = ({ method }: Request): boolean => methods.includes(method)
  const keepFor = Math.ceil(milliseconds(options.keepFor ?? '24h', 'idempotency: keepFor'))
  const lease = Math.ceil(milliseconds(options.lease ?? '1m', 'idempotency: lease'))
  const maxBody = bytes(options.maxBody ?? '64kb', 'idempotency: maxBody')
  const maxRequest = bytes(options.maxRequest ?? '1mb', 'idempotency: maxRequest')
  const gate = new Gate(store, 'idempotency', options, (call) => store.claim('sallyport-probe', 'probe', 1_000, call))
  /** Of requests on their way from the decision to the handler: what they have claimed, or what they get again. */
  const decided = new WeakMap<Context, Claim | Response>()

  const claim = async (request: Request, context: Context, key: string, body: Bytes): Promise<Decision> => {
    const print = await fingerprint(request, body)
    const value = written({ print, lease: randomBase64(12) })
    const there = await gate.call(context, () => store.claim(key, value, lease, context))
    if (isOutage(there)) return there
    if (there === undefined) {
      decided.set(context, { key, value, print })
      return ALLOW
    }
    const entry = entryOf(there)
    if (entry === undefined) return UNUSABLE
    if (entry.print !== print) return REUSED
    if ('lease' in entry) return IN_USE
    if (!('headers' in entry)) return notReplayable(entry.status)
    try {
      decided.set(context, replayed(entry))
      return ALLOW
    } catch {
      return UNUSABLE
    }
  }

  /** Says in the store what became of the work. What the store does must not touch the response. */
  const settle = async (context: Context, { key, value }: Claim, text: string | undefined): Promise<boolean> => {
    const settled = await gate.call(
      context,
      () => text === undefined ? store.remove(key, value, context) : store.replace(key, value, text, keepFor, context),
    )
    if (isOutage(settled)) return false
    if (settled || text === undefined) return true
    // The lease has run out. If nobody else has taken the key meanwhile, it is still ours.
    return !isOutage(await gate.call(context, () => store.claim(key, text, keepFor, context)))
  }

  const released = async (context: Context, claim: Claim): Promise<void> => {
    if (!await settle(context, claim, undefined)) notKept(context)
  }

  const run = async <Outer>(
    next: Handler<Outer>,
    request: Request,
    context: Context & Outer,
    claim: Claim,
  ): Promise<Response> => {
    const before = context.events.length
    let response: Response
    let taken: Taken | undefined
    try {
      response = await next(request, context)
      const { status } = response
      // No usable response is a bug, and the edge makes a 500 of it. A refusal of another status is of a guard outside, such
      // as a deadline, and does not undo what was done.
      const free = status === 0 || response.bodyUsed || release(status) ||
        context.events.slice(before).some((event) => event.kind === 'refused' && (event.status ?? status) === status)
      taken = free ? undefined : await take(response, request, context, claim.print, maxBody)
    } catch (error) {
      await released(context, claim)
      throw error
    }
    if (taken === undefined) {
      await released(context, claim)
      return response
    }
    const { print, status } = taken.entry
    // What the store cannot take, because it is full or the text too long for it, is at least not to be done again.
    if (
      !await settle(context, claim, written(taken.entry)) && !await settle(context, claim, written({ print, status }))
    ) {
      notKept(context)
    }
    return taken.response
  }

  const door = guard<{}, Needs>({
    name: 'idempotency',
    onDegraded: onOutage,
    async decide(request, context) {
      const whose = scope(context, request)
      if (whose === undefined) return ALLOW
      if (typeof whose !== 'string') throw new TypeError('idempotency: scope must give text, or undefined')
      const field = request.headers.get('idempotency-key')
      if (field === null) return required ? MISSING : ALLOW
      const key = keyIn(field)
      if (key === undefined) return INVALID
      if (isCounted(MARK, '', context)) return ALLOW
      let body: Bytes
      try {
        body = hasBody(request, context) ? await readBody(request, context, maxRequest) : new Uint8Array()
      } catch (error) {
        if (error instanceof Problem && error.status < 500) return refusal(error)
        throw error
      }
      return claim(request, context, recordKey(whose, request, key), body)
    },
  })

  const wrapper = <Outer extends Needs>(next: Handler<NoInfer<Outer>>): Handler<Outer> => {
    const checked = door<Outer>((request, context) => {
      const found = decided.get(context)
      if (found === undefined) return next(request, context)
      decided.delete(context)
      if (!('key' in found)) {
        context.head.force('idempotent-replayed', 'true')
        context.attributes['idempotency.replayed'] = true
        return found
      }
      const work = run(next, request, context, found)
      // A client that leaves will ask again: what it asked for must be finished, and known.
      context.waitUntil(work.catch(() => {}))
      return work
    })
    return (request, context) => applies(request) ? checked(request, context) : next(request, context)
  }
  const says = { headers: { 'idempotency-key': required } }
  return described(wrapper, { name: 'idempotency', onDegraded: onOutage, tests: [applies], says })
}

/** Marks the requests that one of us has seen to. */
const MARK = {}

function isMethod(method: unknown): boolean {
  return typeof method === 'string' && isToken(method) && method === method.toUpperCase()
}

function notKept(context: Context): void {
  const reason = 'the store did not take what became of the request'
  record(context, { kind: 'degraded', guard: 'idempotency', code: 'response-not-kept', reason })
}

const UNUSABLE: Decision = { outcome: 'degraded', reason: 'the store gave no usable answer' }

const MISSING: Refuse = /* @__PURE__ */ refusal(/* @__PURE__ */ problem('idempotency-key-missing', {
  detail: 'This needs an Idempotency-Key: a unique text such as a UUID, the same whenever you try again.',
}))

const INVALID: Refuse = /* @__PURE__ */ refusal(/* @__PURE__ */ problem('idempotency-key-invalid', {
  detail: 'The Idempotency-Key must be one text of 1 to 255 visible ASCII characters.',
}))

const REUSED: Refuse = /* @__PURE__ */ refusal(/* @__PURE__ */ problem('idempotency-key-reused', {
  detail: 'This Idempotency-Key belongs to another request.',
}))

const IN_USE: Refuse = /* @__PURE__ */ refusal(/* @__PURE__ */ problem('idempotency-key-in-use', {
  headers: { 'retry-after': '1' },
}))

function notReplayable(originalStatus: number): Refuse {
  return refusal(problem('response-not-replayable', {
    detail: `The request was done and answered with ${originalStatus}; the answer was not kept.`,
    members: { originalStatus },
  }))
}
