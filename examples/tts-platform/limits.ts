/** S0's seven limits: whom each counts, how often, and where. Health checks are answered before any of them. */
import {
  byClientIp,
  byPrincipalOrClientIp,
  compose,
  type HasClientIp,
  memoryStore,
  onPath,
  rateLimit,
  type Test,
  when,
  type Wrapper,
} from '../../src/index.ts'

/** The limits by the two places where they act. */
export interface Limits {
  /** Before anybody is identified: a token must not buy a fresh allowance of sign-in attempts. */
  readonly byAddress: Wrapper<{}, HasClientIp>
  /** After: the user where there is one, else the address. So they stand behind `authenticate`, in `quota`. */
  readonly byCaller: Wrapper<{}, HasClientIp>
}

/** Makes the limits, all counting in one bounded store. */
export function createLimits(): Limits {
  const store = memoryStore()
  const address = { key: byClientIp, store }
  const caller = { key: byPrincipalOrClientIp, store }
  return {
    byAddress: compose(
      when(onPath('/api/auth/*'), rateLimit({ ...address, name: 'auth', limit: 10, window: '1h' })),
      when(isPublic, rateLimit({ ...address, name: 'public', limit: 200, window: '15m' })),
    ),
    byCaller: compose(
      // Public endpoints have their own, wider limit in its place.
      when(inGeneral, rateLimit({ ...caller, name: 'general', limit: 100, window: '15m' })),
      when(onPath('/api/sources/search'), rateLimit({ ...caller, name: 'search', limit: 30, window: '15m' })),
      when(onPath('/api/sources/download'), rateLimit({ ...caller, name: 'download', limit: 10, window: '1h' })),
      when(startsTraining, rateLimit({ ...caller, name: 'training', limit: 5, window: '1h' })),
      when(onPath('/api/settings/*'), rateLimit({ ...caller, name: 'settings', limit: 20, window: '1h' })),
    ),
  }
}

const isPublic: Test = onPath('/api/public/*')
const inApi: Test = onPath('/api/*')
const inGeneral: Test = (request, context) => inApi(request, context) && !isPublic(request, context)
const onTraining: Test = onPath('/api/training')
const startsTraining: Test = (request, context) => request.method === 'POST' && onTraining(request, context)
