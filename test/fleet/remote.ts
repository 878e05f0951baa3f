/**
 * A store in another process: the contract runs here, and each call is a method and its arguments in JSON over HTTP.
 * `skew` sets the wall clock of the far side for one call, as a machine whose clock is wrong would have it.
 */
import { createContext } from '../../src/core/context.ts'
import type { SharedStore, Store, StoreCall } from '../../src/core/store.ts'

interface Message {
  readonly method: keyof SharedStore
  readonly args: readonly unknown[]
  readonly skew?: number | undefined
}

type Method = (...args: unknown[]) => unknown

/** A store from afar. */
export interface RemoteStore extends SharedStore {
  /** The same one, called with a clock that is so many milliseconds ahead. */
  readonly skewed: (skew: number) => SharedStore
}

/** The far side: does what the message says. What the store throws or rejects with is the answer's `error`. */
export async function answer(
  store: Store | SharedStore,
  request: Request,
  call: StoreCall = createContext(),
): Promise<Response> {
  const { method, args, skew = 0 } = await request.json() as Message
  const { clock } = call
  const skewed = { now: (): number => clock.now() + skew, monotonic: (): number => clock.monotonic() }
  try {
    const value = await ((store as SharedStore)[method] as Method).call(store, ...args, { ...call, clock: skewed })
    return Response.json({ value: value ?? null, missing: value === undefined })
  } catch (error) {
    return Response.json({ error: String(error) })
  }
}

/** The near side. `send` brings a message over. */
export function remote(send: (body: string) => Promise<{ json(): Promise<unknown> }>): RemoteStore {
  const ask = async (message: Message): Promise<unknown> => {
    const { value, missing, error } = await (await send(JSON.stringify(message))).json() as {
      value?: unknown
      missing?: boolean
      error?: string
    }
    if (error !== undefined) throw new Error(error)
    return missing ? undefined : value
  }
  const skewed = (skew: number | undefined): SharedStore => {
    const method = (name: keyof SharedStore): Method => (...args) =>
      ask({ method: name, args: args.slice(0, -1), skew })
    return {
      consume: method('consume'),
      adjust: method('adjust'),
      lease: method('lease'),
      release: method('release'),
      held: method('held'),
      members: method('members'),
      claim: method('claim'),
      replace: method('replace'),
      remove: method('remove'),
    } as unknown as SharedStore
  }
  return { ...skewed(undefined), skewed }
}
