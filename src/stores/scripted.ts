/** A {@link SharedStore} over anything that runs our scripts: what `redisStore` and `upstashStore` have in common. */
import type { MaybePromise } from '../core/handler.ts'
import { isPromise } from '../core/handler.ts'
import type { Lease, Leased, LimitSet, SharedStore, Standing, StoreCall, Verdict } from '../core/store.ts'
import { storeKey } from '../core/store.ts'
import { CLAIM, HELD, LEASE, MEMBERS, RELEASE, REMOVE, REPLACE } from './redis-lua-kept.ts'
import type { Script } from './redis-lua.ts'
import { ADJUST, CONSUME } from './redis-lua.ts'

/** Options of `redisStore` and `upstashStore`. */
export interface RedisStoreOptions {
  /** What every key begins with. (`'sallyport'`) */
  readonly prefix?: string | undefined
  /**
   * Whose clock counts: the store's own, so that all who share it agree; or each caller's, for tests, and for servers
   * that do not let scripts ask for the time. Records always expire by the store's. (`'store'`)
   */
  readonly time?: 'store' | 'caller' | undefined
}

/** Runs a script on one key, and reads its reply. */
export type Run = <T>(script: Script, key: string, args: readonly string[], read: (reply: unknown) => T) => Promise<T>

/** Runs a script by its hash and, where the server has not seen it yet, once more by its text. */
export function byHash(
  evalsha: (sha: string, key: string, args: readonly string[]) => Promise<unknown>,
  evaluate: (text: string, key: string, args: readonly string[]) => Promise<unknown>,
): Run {
  return ({ sha, text }, key, args, read) =>
    evalsha(sha, key, args).then(read, (error: unknown) => {
      if (!isUnknownScript(error)) throw error
      return evaluate(text, key, args).then(read)
    })
}

/** Only at the start of what the server says: a client may quote the command behind it. */
function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && /^(?:Command (?:\d+ \[ \w+ \] )?failed: )?NOSCRIPT /.test(error.message)
}

const LONGEST_LIST = 10_000
const MARK = '=' // no JSON begins like this: @upstash/redis would give back an object for a text that is JSON

/** What was sent last for a set of limits: mostly it is the same again. */
interface Sent {
  readonly costs: readonly number[]
  readonly args: readonly string[]
}

type Ask = <T>(
  script: Script,
  key: MaybePromise<string>,
  args: readonly string[],
  read: (reply: unknown) => T,
) => Promise<T>

/** Makes the store. `user` is its name in errors. Throws a TypeError for bad options. */
export function scriptedStore(user: string, run: Run, options: RedisStoreOptions): SharedStore {
  const { prefix = 'sallyport', time = 'store' } = options
  if (typeof prefix !== 'string' || prefix === '') throw new TypeError(`${user}: prefix must be a text`)
  if (time !== 'store' && time !== 'caller') throw new TypeError(`${user}: time must be 'store' or 'caller'`)
  const known = new WeakMap<LimitSet, Sent>()

  const now = ({ clock }: StoreCall): string => time === 'store' ? '' : String(Math.floor(clock.now()))
  const ask: Ask = (script, key, args, read) =>
    isPromise(key) ? key.then((hashed) => run(script, hashed, args, read)) : run(script, key, args, read)
  // Not what it was: it may be somebody's record.
  const unexpected = (): Error => new Error(`${user}: unexpected reply`)
  const whole = (reply: unknown): number => {
    if (Number.isSafeInteger(reply) && (reply as number) >= 0) return reply as number
    throw unexpected()
  }
  const yes = (reply: unknown): boolean => {
    if (reply === 0 || reply === 1) return reply === 1
    throw unexpected()
  }
  const text = (reply: unknown): string => {
    if (typeof reply === 'string' && reply.startsWith(MARK)) return reply.slice(MARK.length)
    throw unexpected()
  }
  const list = (reply: unknown, length?: number): readonly unknown[] => {
    if (Array.isArray(reply) && (length === undefined || reply.length === length)) return reply
    throw unexpected()
  }

  const argumentsOf = (set: LimitSet, units: readonly number[]): string[] =>
    set.limits.flatMap(({ algorithm, quota, window }, i) => [
      KINDS[algorithm],
      String(quota),
      String(window),
      String(units[i]),
    ])
  const packed = ({ limits }: LimitSet, units: readonly number[]): string =>
    limits.map(({ algorithm, quota, window }, i) => `${KINDS[algorithm]}${quota} ${window} ${units[i]}`).join(' ')
  const consumption = (set: LimitSet, costs: readonly number[], call: StoreCall): readonly string[] => {
    const last = known.get(set)
    if (time === 'store' && last !== undefined && same(last.costs, costs)) return last.args
    const args = [now(call), packed(set, costs)]
    known.set(set, { costs: [...costs], args })
    return args
  }
  const verdict = ({ limits }: LimitSet, reply: unknown): Verdict => {
    const numbers = list(reply, limits.length * 2 + 2)
    const standings: Standing[] = []
    for (let i = 2; i < numbers.length; i += 2) {
      standings.push({ remaining: whole(numbers[i]), resetIn: whole(numbers[i + 1]) })
    }
    return { allowed: yes(numbers[0]), at: whole(numbers[1]), standings }
  }

  const lease = (reply: unknown): Lease => {
    const [granted, held, freeIn] = list(reply, 3)
    return { granted: yes(granted), held: whole(held), freeIn: whole(freeIn) }
  }
  const members = (reply: unknown): Leased[] => {
    const flat = list(reply)
    const all: Leased[] = []
    for (let i = 0; i < flat.length; i += 2) all.push({ member: text(flat[i]), expiresIn: whole(flat[i + 1]) })
    return all
  }

  const counters = (set: LimitSet, key: string): MaybePromise<string> => storeKey(prefix, 'c', set.id, key)
  const leases = (set: string): MaybePromise<string> => storeKey(prefix, 'l', set, '')
  const record = (key: string): MaybePromise<string> => storeKey(prefix, 'r', '', key)
  const marked = (text: string): string => MARK + text
  const lasting = (ms: number): string => String(Math.ceil(ms))
  return {
    consume: (set, key, costs, call) =>
      ask(CONSUME, counters(set, key), consumption(set, costs, call), (reply) => verdict(set, reply)),
    adjust: (set, key, changes, at, call) =>
      ask(
        ADJUST,
        counters(set, key),
        [now(call), String(at), ...argumentsOf(set, changes)],
        (reply) => void yes(reply),
      ),
    lease: (set, member, ttl, most, call) => {
      const args = [now(call), marked(member), lasting(ttl), String(Math.min(most, Number.MAX_SAFE_INTEGER))]
      return ask(LEASE, leases(set), args, lease)
    },
    release: (set, member, call) => ask(RELEASE, leases(set), [now(call), marked(member)], yes),
    held: (set, member, call) => ask(HELD, leases(set), [now(call), marked(member)], whole),
    members: (set, call) => ask(MEMBERS, leases(set), [now(call), String(LONGEST_LIST)], members),
    claim: (key, value, ttl) =>
      ask(CLAIM, record(key), [marked(value), lasting(ttl)], (reply) => reply === 1 ? undefined : text(reply)),
    replace: (key, expected, value, ttl) =>
      ask(REPLACE, record(key), [marked(expected), marked(value), lasting(ttl)], yes),
    remove: (key, expected) => ask(REMOVE, record(key), [marked(expected)], yes),
  }
}

const KINDS = { 'fixed-window': 'f', 'sliding-window': 's', 'token-bucket': 'b' } as const

function same(a: readonly number[], b: readonly number[]): boolean {
  return a === b || (a.length === b.length && a.every((one, i) => one === b[i]))
}
