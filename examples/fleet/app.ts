/** One limit for everybody, wherever it runs: 50 requests a minute, counted in a store that all share. */
import { accessLog, api, byRoute, type Handler, policy, rateLimit, type Store } from '../../src/index.ts'

/** What the fleet admits together. */
export const LIMIT = 50

/** The service. It would rather refuse than admit one too many: the demonstration is about counting. */
export function createApp(store: Store): Handler {
  return policy({
    ...api,
    accessLog: accessLog({ write: () => {} }),
    rateLimit: rateLimit({
      key: byRoute,
      limit: LIMIT,
      window: '1m',
      name: 'fleet',
      store,
      onOutage: 'refuse',
      deadline: '5s', // two hundred at once, on a machine that also runs the servers
    }),
  })(() => Response.json({ ok: true }))
}
