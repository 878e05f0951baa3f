/**
 * Limits of services that were hardened before this library was, with their numbers: lists to give to `rateLimit` as
 * `limits`, to read, and to spread and override. Each name is part of the key, so lists that share one store count apart.
 */
import type { Duration } from '../core/quantity.ts'
import type { LimitSpec } from './limits.ts'

type Limits<Names extends string> = Readonly<Record<Names, readonly LimitSpec[]>>

const one = (name: string, limit: number, window: Duration): readonly LimitSpec[] => [{ name, limit, window }]

/** S2 holds every endpoint to two windows at once: so many a minute, and so many a second. */
const burst = (name: string, limit: number, second: number): readonly LimitSpec[] => [
  { name, limit, window: '1m' },
  { name: `${name}-burst`, limit: second, window: '1s', algorithm: 'sliding-window' },
]

/** S0, text to speech and the training of voices. */
export const speechLimits: Limits<'general' | 'download' | 'training' | 'auth' | 'search' | 'settings' | 'public'> = {
  general: /* @__PURE__ */ one('general', 100, '15m'),
  download: /* @__PURE__ */ one('download', 10, '1h'),
  training: /* @__PURE__ */ one('training', 5, '1h'),
  auth: /* @__PURE__ */ one('auth', 10, '1h'),
  search: /* @__PURE__ */ one('search', 30, '15m'),
  settings: /* @__PURE__ */ one('settings', 20, '1h'),
  public: /* @__PURE__ */ one('public', 200, '15m'),
}

/** S1, voice chat. Its slow-down (100 ms more for each request after 50) is {@link chatSlowDown}. */
export const chatLimits: Limits<'api' | 'auth' | 'static'> = {
  api: /* @__PURE__ */ one('api', 100, '15m'),
  auth: /* @__PURE__ */ one('auth', 5, '15m'),
  static: /* @__PURE__ */ one('static', 500, '5m'),
}

/** S1's slow-down, for `slowDown`: from the 51st request of a quarter of an hour on. */
export const chatSlowDown: { readonly after: number; readonly step: Duration; readonly window: Duration } = {
  after: 50,
  step: '100ms',
  window: '15m',
}

/** S2, AI agents: a sustained rate and a burst for each kind of endpoint. */
export const agentLimits: Limits<'auth' | 'ml' | 'agents' | 'admin' | 'other'> = {
  auth: /* @__PURE__ */ burst('auth', 10, 2),
  ml: /* @__PURE__ */ burst('ml', 30, 5),
  agents: /* @__PURE__ */ burst('agents', 100, 15),
  admin: /* @__PURE__ */ burst('admin', 200, 30),
  other: /* @__PURE__ */ burst('other', 60, 10),
}
