/** After a run, what each store guarantees: a row per store that went through the contract, a column per test of it. */
import type { Reporter, TestCase, TestModule } from 'vitest/node'

const MARKS: Readonly<Record<string, string>> = { passed: 'yes', failed: 'NO', skipped: '?', pending: '?' }

/** A reporter for vitest. */
export class StoreMatrix implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const stores = new Map<string, Map<string, string>>()
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const store = storeOf(test)
        if (store === undefined) continue
        const row = stores.get(store) ?? new Map<string, string>()
        row.set(test.name, 'notOffered' in test.meta() ? '-' : MARKS[test.result().state] ?? '?')
        stores.set(store, row)
      }
    }
    if (stores.size < 2) return
    const guarantees = [...new Set([...stores.values()].flatMap((row) => [...row.keys()]))]
    const names = [...stores.keys()].sort()
    const width = Math.max(...guarantees.map(({ length }) => length))
    const lines = guarantees.map((guarantee) =>
      [guarantee.padEnd(width), ...names.map((name) => (stores.get(name)?.get(guarantee) ?? '').padEnd(name.length))]
        .join('  ')
    )
    console.log(['', ['stores'.padEnd(width), ...names].join('  '), ...lines, ''].join('\n'))
  }
}

function storeOf(test: TestCase): string | undefined {
  const { parent } = test
  const prefix = 'contract: '
  return parent.type === 'suite' && parent.name.startsWith(prefix) ? parent.name.slice(prefix.length) : undefined
}
