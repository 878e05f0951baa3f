/**
 * Takes away what a Worker may not use before its first request, and more: clocks, randomness, timers, the network.
 * Import it first. `seen` proves that the stubs took.
 */
const restore: (() => void)[] = []

/** What the stubs did throw for, tried here. */
export const seen: string[] = []

function forbid(name: string, owner: object, key: string, args: unknown[] = []): void {
  const own = Object.getOwnPropertyDescriptor(owner, key)
  const fail = (): never => {
    throw new Error(`${name} at module scope`)
  }
  Object.defineProperty(owner, key, { value: fail, configurable: true, writable: true })
  restore.push(() => {
    if (own === undefined) Reflect.deleteProperty(owner, key)
    else Object.defineProperty(owner, key, own)
  })
  try {
    Reflect.apply(Reflect.get(owner, key), owner, args)
  } catch (error) {
    if (error instanceof Error && error.message === `${name} at module scope`) seen.push(name)
  }
}

const RealDate = Date

forbid('Date.now', Date, 'now')
forbid('performance.now', performance, 'now')
forbid('Math.random', Math, 'random')
forbid('crypto.randomUUID', crypto, 'randomUUID')
forbid('crypto.getRandomValues', crypto, 'getRandomValues')
forbid('setTimeout', globalThis, 'setTimeout')
forbid('setInterval', globalThis, 'setInterval')
forbid('fetch', globalThis, 'fetch')
forbid('AbortSignal.timeout', AbortSignal, 'timeout')

globalThis.Date = new Proxy(RealDate, {
  construct(target, args, newTarget) {
    if (args.length === 0) throw new Error('new Date() at module scope')
    return Reflect.construct(target, args, newTarget) as object
  },
})
restore.push(() => {
  globalThis.Date = RealDate
})

/** The first request is here: everything works again. */
export function allow(): void {
  for (const undo of restore.splice(0)) undo()
}
