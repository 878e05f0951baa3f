/** A Deno KV in this process's memory: for what no real one can be asked to do. Time is the test's. */
import type { VirtualClock } from '../helpers.ts'
import type { KvAtomicLike, KvEntryLike, KvKey, KvLike } from '../../src/stores/deno-kv-transactions.ts'

interface Kept {
  readonly key: KvKey
  readonly value: unknown
  readonly versionstamp: string
  readonly expires: number
}

/** With a look inside. */
export interface LocalKv extends KvLike {
  readonly entries: ReadonlyMap<string, Kept>
  /** How many commits have been tried. */
  readonly commits: number
  readonly reads: number
  /** Called before each commit; what it throws is what the commit rejects with, and `false` makes a conflict of it. */
  onCommit: (() => void | false) | undefined
  /** Puts anything at a key, without an expiry. */
  readonly plant: (key: KvKey, value: unknown) => void
  /** Deletes what has expired, which the real one does when it likes. */
  readonly collect: () => void
}

export function localKv(clock: VirtualClock): LocalKv {
  const entries = new Map<string, Kept>()
  let version = 0
  const name = (key: readonly unknown[]): string => JSON.stringify(key)
  const read = (key: KvKey): KvEntryLike => {
    const { value, versionstamp } = entries.get(name(key)) ?? { value: null, versionstamp: null }
    return { key, value: structuredClone(value), versionstamp }
  }
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  const kv = {
    entries,
    commits: 0,
    reads: 0,
    onCommit: undefined as LocalKv['onCommit'],
    async get(key: KvKey): Promise<KvEntryLike> {
      kv.reads++
      await turn()
      return read(key)
    },
    async *list({ prefix }: { readonly prefix: KvKey }): AsyncIterable<KvEntryLike> {
      kv.reads++
      await turn()
      const start = name(prefix).slice(0, -1) + ','
      const found = [...entries].filter(([key]) => key.startsWith(start)).map(([, { key }]) => key)
      for (const key of found.sort(ordered)) yield read(key)
    },
    atomic(): KvAtomicLike {
      const checks: { readonly key: readonly unknown[]; readonly versionstamp: string | null }[] = []
      const writes: (() => void)[] = []
      const atomic: KvAtomicLike = {
        check(...more) {
          checks.push(...more)
          return atomic
        },
        set(key, value, { expireIn }) {
          if (!Number.isSafeInteger(expireIn) || expireIn < 0) throw new TypeError('expireIn')
          const copy: unknown = structuredClone(value)
          const expires = clock.now() + expireIn
          writes.push(() => entries.set(name(key), { key, value: copy, versionstamp: String(version), expires }))
          return atomic
        },
        delete(key) {
          writes.push(() => entries.delete(name(key)))
          return atomic
        },
        async commit() {
          kv.commits++
          await turn()
          if (writes.length > 1_000) throw new TypeError('Too many mutations (max 1000)')
          if (kv.onCommit?.() === false) return { ok: false }
          const ok = checks.every(({ key, versionstamp }) => read(key as KvKey).versionstamp === versionstamp)
          if (ok) version++
          if (ok) { for (const write of writes) write() }
          return { ok }
        },
      }
      return atomic
    },
    plant(key: KvKey, value: unknown): void {
      entries.set(name(key), { key, value, versionstamp: String(++version), expires: Infinity })
    },
    collect(): void {
      for (const [key, { expires }] of entries) if (expires <= clock.now()) entries.delete(key)
    },
  }
  return kv
}

function ordered(a: KvKey, b: KvKey): number {
  const [one, other] = [a.at(-1)!, b.at(-1)!]
  return one < other ? -1 : 1
}
