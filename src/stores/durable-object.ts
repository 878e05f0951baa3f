/**
 * Counts, leases and records in Cloudflare Durable Objects: exact for the whole world, at the price of a way to where the
 * object is.
 *
 * Keys are spread over a fixed number of objects. One object is one thread with its own SQLite, and a call to it is one
 * synchronous transaction, so nothing has to be locked and nothing is counted twice. Time is the object's own, frozen
 * while it computes; where it has jumped back, what was written in its future starts anew.
 *
 * Rows go by themselves: an alarm deletes what is over, and there is an alarm only while there are rows. So a flood of new
 * keys takes room until their windows end, some 100 bytes each; an object may hold 10 GB.
 */
import type { Lease, Leased, SharedStore, StoreCall, Verdict } from '../core/store.ts'
import { storeKey } from '../core/store.ts'
import { count } from '../core/quantity.ts'
import type { Operation, SqlLike } from './durable-object-tables.ts'
import { Tables } from './durable-object-tables.ts'

/** A Durable Object namespace, as a Worker is bound to it. */
export interface ObjectNamespaceLike {
  idFromName(name: string): unknown
  get(id: unknown, options?: { readonly locationHint?: string }): ObjectStubLike
}

/** One object, from outside. */
export interface ObjectStubLike {
  fetch(
    url: string,
    init: { readonly method: string; readonly body: string },
  ): Promise<{ readonly ok: boolean; text(): Promise<string> }>
}

/** What a Durable Object is made with. */
export interface ObjectStateLike {
  readonly storage: {
    readonly sql: SqlLike
    transactionSync<T>(work: () => T): T
    setAlarm(at: number): Promise<void>
  }
}

/** Options of {@link durableObjectStore}. */
export interface DurableObjectStoreOptions {
  /**
   * How many objects to spread keys over: one answers some 1,000 calls a second. All users of a namespace must say the
   * same; a change moves most keys to other objects, where they count from zero. (16)
   */
  readonly shards?: number | undefined
  /** Put before every key, so that services may share a namespace. (`'sallyport'`) */
  readonly prefix?: string | undefined
  /** Where an object that does not exist yet should live, such as `'weur'`. (near its first caller) */
  readonly locationHint?: string | undefined
}

const URL_OF_VERSION = 'https://sallyport.invalid/1'

/**
 * A {@link SharedStore} over Durable Objects of the class {@link SallyportStore}.
 *
 * Takes the namespace, as `import { env } from 'cloudflare:workers'` has it at module scope, or a function of the
 * request's context, where `toCloudflare` puts the bindings.
 *
 * Guarantees: atomic and exact, worldwide. A call is one request to an object, and its latency is the way there: some
 * milliseconds in the same region, up to 300 across the world, so a limiter needs a fitting `deadline`.
 * Costs:      one request to an object per call. Rows written: one for a decision that consumes, two where the key is new
 *             or its row is due at another time, which is at most once in ten seconds; none for a refusal or a lookup; two
 *             for a lease, one for its release; two for a record. All members of a set are in one object, and a lease reads
 *             them all to count them.
 * Fails:      rejects with what the runtime says, or with `unexpected reply`. Nothing is tried twice.
 * Throws:     when made: TypeError for something that is no namespace, or `shards` that is no positive whole number.
 *
 * @example
 * // wrangler.toml: [[durable_objects.bindings]] name = "LIMITS", class_name = "SallyportStore"
 * //                [[migrations]] tag = "v1", new_sqlite_classes = ["SallyportStore"]
 * export { SallyportStore } from 'sallyport/durable-object'
 * const store = durableObjectStore(({ env }: HasBindings<Env>) => env.LIMITS, { shards: 32 })
 */
export function durableObjectStore<Env = unknown>(
  namespace: ObjectNamespaceLike | ((context: StoreCall & { readonly env: Env }) => ObjectNamespaceLike),
  options: DurableObjectStoreOptions = {},
): SharedStore {
  if (typeof namespace !== 'function' && !isNamespace(namespace)) {
    throw new TypeError(
      'durableObjectStore: namespace must be a Durable Object namespace, or a function that gives one',
    )
  }
  const shards = count(options.shards ?? 16, 'durableObjectStore: shards')
  const { prefix = 'sallyport', locationHint } = options
  const placed = locationHint === undefined ? undefined : { locationHint }

  const ask = async <T>(
    call: StoreCall,
    key: string,
    operation: Operation,
    isAnswer: (reply: unknown) => reply is T,
  ): Promise<T> => {
    // The call is the request's context, and under `toCloudflare` that has the bindings.
    const objects = isNamespace(namespace) ? namespace : namespace(call as StoreCall & { readonly env: Env })
    const id = objects.idFromName(`${prefix}:${hash(key) % shards}`)
    // Not kept: what belongs to one request must not be used by another.
    const stub = placed === undefined ? objects.get(id) : objects.get(id, placed)
    const response = await stub.fetch(URL_OF_VERSION, { method: 'POST', body: JSON.stringify(operation) })
    const reply = parsed(await response.text())
    if (!response.ok || !isAnswer(reply)) throw new Error('durableObjectStore: unexpected reply')
    return reply
  }

  return {
    async consume(set, text, costs, call) {
      const key = await storeKey(prefix, 'c', set.id, text)
      const isVerdict = (reply: unknown): reply is Verdict => isVerdictOn(set.limits.length, reply)
      return ask(call, key, { do: 'consume', key, limits: set.limits, costs }, isVerdict)
    },
    async adjust(set, text, changes, at, call) {
      const key = await storeKey(prefix, 'c', set.id, text)
      await ask(call, key, { do: 'adjust', key, limits: set.limits, changes, at }, isBoolean)
    },
    async lease(name, member, ttl, most, call) {
      const set = await storeKey(prefix, 'l', '', name)
      const operation = { do: 'lease', set, member, ttl: Math.ceil(ttl), most: Math.min(most, MANY) } as const
      return ask(call, set, operation, isLease)
    },
    async release(name, member, call) {
      const set = await storeKey(prefix, 'l', '', name)
      return ask(call, set, { do: 'release', set, member }, isBoolean)
    },
    async held(name, member, call) {
      const set = await storeKey(prefix, 'l', '', name)
      return ask(call, set, { do: 'held', set, member }, isNumber)
    },
    async members(name, call) {
      const set = await storeKey(prefix, 'l', '', name)
      return ask(call, set, { do: 'members', set }, isMembers)
    },
    async claim(text, value, ttl, call) {
      const key = await storeKey(prefix, 'r', '', text)
      const [there] = await ask(call, key, { do: 'claim', key, value, ttl: Math.ceil(ttl) }, isTexts)
      return there
    },
    async replace(text, expected, value, ttl, call) {
      const key = await storeKey(prefix, 'r', '', text)
      return ask(call, key, { do: 'replace', key, expected, value, ttl: Math.ceil(ttl) }, isBoolean)
    },
    async remove(text, expected, call) {
      const key = await storeKey(prefix, 'r', '', text)
      return ask(call, key, { do: 'remove', key, expected }, isBoolean)
    },
  }
}

/**
 * The class of the objects behind {@link durableObjectStore}: export it from the Worker, and name it in wrangler.toml
 * under `new_sqlite_classes`. Not for use by hand: it trusts whoever is bound to its namespace.
 */
export class SallyportStore {
  /** Never present at run time: by this, Cloudflare's types know a Durable Object. */
  declare readonly __DURABLE_OBJECT_BRAND: never
  readonly #storage: ObjectStateLike['storage']
  readonly #tables: Tables
  /** When the alarm will ring: Infinity for never; `undefined` where only the storage knows. */
  #alarmAt: number | undefined

  constructor(state: ObjectStateLike, _env?: unknown) {
    this.#storage = state.storage
    this.#tables = new Tables(state.storage.sql)
  }

  /** Does one operation. */
  async fetch(request: Request): Promise<Response> {
    if (request.url !== URL_OF_VERSION) return new Response(null, { status: 404 })
    const operation = await request.json() as Operation
    const tables = this.#tables
    const answer = this.#storage.transactionSync(() => tables.operate(operation, Date.now()))
    if (answer === undefined) return new Response(null, { status: 400 })
    if (tables.nextSweep < (this.#alarmAt ?? Infinity)) {
      const at = this.#alarmAt === undefined ? tables.firstDue() : tables.nextSweep
      tables.nextSweep = Infinity
      await this.#ring(at)
    }
    return Response.json(answer)
  }

  /** Deletes what is over; rings again as long as there is something left. */
  async alarm(): Promise<void> {
    this.#alarmAt = undefined
    const now = Date.now()
    const tables = this.#tables
    const next = this.#storage.transactionSync(() => tables.sweep(now))
    tables.nextSweep = Infinity
    await this.#ring(Math.max(next, now + 1_000))
  }

  async #ring(at: number): Promise<void> {
    this.#alarmAt = at
    try {
      if (at < Infinity) await this.#storage.setAlarm(Math.min(at, LATEST_ALARM))
    } catch (error) {
      this.#alarmAt = undefined
      throw error
    }
  }
}

/** In the year 2160: the runtime takes none after 2189. */
const LATEST_ALARM = 6e12
/** Infinity cannot be said in JSON. */
const MANY = Number.MAX_SAFE_INTEGER

/** FNV-1a, its upper half folded into the lower: which object a key is in must be the same tomorrow. */
function hash(text: string): number {
  let bits = 0x811c9dc5
  for (let i = 0; i < text.length; i++) bits = Math.imul(bits ^ text.charCodeAt(i), 0x01000193)
  return (bits ^ (bits >>> 16)) >>> 0
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isNamespace(value: unknown): value is ObjectNamespaceLike {
  return typeof (value as Partial<ObjectNamespaceLike> | undefined | null)?.idFromName === 'function'
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

function isBoolean(value: unknown): value is boolean {
  return typeof value === 'boolean'
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number'
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}

function isVerdictOn(limits: number, value: unknown): value is Verdict {
  return isObject(value) && isBoolean(value['allowed']) && isNumber(value['at']) && Array.isArray(value['standings']) &&
    value['standings'].length === limits &&
    value['standings'].every((one) => isObject(one) && isNumber(one['remaining']) && isNumber(one['resetIn']))
}

function isLease(value: unknown): value is Lease {
  return isObject(value) && isBoolean(value['granted']) && isNumber(value['held']) && isNumber(value['freeIn'])
}

function isMembers(value: unknown): value is readonly Leased[] {
  return Array.isArray(value) &&
    value.every((one) => isObject(one) && typeof one['member'] === 'string' && isNumber(one['expiresIn']))
}
