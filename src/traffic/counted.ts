/** Mounted twice around one handler, a limit counts a request once. */
import type { Context } from '../core/context.ts'
import { warnOnce } from '../core/log.ts'

const COUNTED: unique symbol = Symbol('who has counted this request')

/** On the head, which all views of one request share: two `toHono` have a view each. */
interface Counted {
  [COUNTED]?: { readonly owner: object; readonly names: string }[]
}

/** Has `owner` counted this request before? Warns where another has its names; `''` for none. */
export function isCounted(owner: object, names: string, context: Context): boolean {
  const shared: Counted = context.head as Counted
  const before = shared[COUNTED]
  if (before === undefined) {
    shared[COUNTED] = [{ owner, names }]
    return false
  }
  if (before.some((one) => one.owner === owner)) return true
  if (names !== '' && before.some((one) => one.names === names)) {
    const message = `two limits of one request are named '${names}'; give each a name of its own`
    warnOnce(context, 'rate-limit-name', message)
  }
  before.push({ owner, names })
  return false
}
