/** A Durable Object namespace in this process, over Node's own SQLite: for what no real one can be asked to do. */
import { DatabaseSync } from 'node:sqlite'
import type { ObjectNamespaceLike, ObjectStateLike } from '../../src/stores/durable-object.ts'
import { SallyportStore } from '../../src/stores/durable-object.ts'

/** One object, and what can be seen of it. */
export interface LocalObject {
  readonly db: DatabaseSync
  /** When it asked to be rung, each time. */
  readonly alarms: number[]
  instance: SallyportStore
  /** A new instance on the same storage, as after an eviction. */
  readonly restart: () => void
  readonly rows: (table: 'counts' | 'leases' | 'records') => number
}

/** A namespace with a look inside. */
export interface LocalObjects extends ObjectNamespaceLike {
  readonly all: ReadonlyMap<string, LocalObject>
  readonly hints: (string | undefined)[]
}

export function localObjects(): LocalObjects {
  const all = new Map<string, LocalObject>()
  const hints: (string | undefined)[] = []
  return {
    all,
    hints,
    idFromName: (name) => name,
    get(id, options) {
      hints.push(options?.locationHint)
      const object = all.get(String(id)) ?? localObject()
      all.set(String(id), object)
      return { fetch: (url, init) => object.instance.fetch(new Request(url, init)) }
    },
  }
}

function localObject(): LocalObject {
  const db = new DatabaseSync(':memory:')
  const alarms: number[] = []
  const storage: ObjectStateLike['storage'] = {
    sql: {
      exec(query, ...bindings) {
        if (bindings.length > 0 || !query.includes(';')) {
          const rows = db.prepare(query).all(...bindings)
          return { toArray: () => rows }
        }
        db.exec(query)
        return { toArray: () => [] }
      },
    },
    transactionSync(work) {
      db.exec('BEGIN')
      try {
        const answer = work()
        db.exec('COMMIT')
        return answer
      } catch (error) {
        db.exec('ROLLBACK')
        throw error
      }
    },
    setAlarm(at) {
      alarms.push(at)
      return Promise.resolve()
    },
  }
  const object: LocalObject = {
    db,
    alarms,
    instance: new SallyportStore({ storage }),
    restart: () => {
      object.instance = new SallyportStore({ storage })
    },
    rows: (table) => Number(db.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.['n']),
  }
  return object
}
