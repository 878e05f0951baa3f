/** S0's seven limits: whom each counts, how often, and where. Health checks are answered before any of them. */
import {
  byClientIp,
  byPrincipalOrClientIp,
  compose,
  type HasClientIp,
  local,
  memoryStore,
  onPath,
  rateLimit,
  speechLimits,
  type Store,
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

/** Makes the limits, all counting in one store. While a shared one is out, each process counts half of each limit. */
export function createLimits(store: Store = memoryStore()): Limits {
  const address = { key: byClientIp, store, onOutage: local(0.5) }
  const caller = { key: byPrincipalOrClientIp, store, onOutage: local(0.5) }
  return {
    byAddress: compose(
      when(onPath('/api/auth/*'), rateLimit({ ...address, limits: speechLimits.auth })),
      when(isPublic, rateLimit({ ...address, limits: speechLimits.public })),
    ),
    byCaller: compose(
      // Public endpoints have their own, wider limit in its place.
      when(inGeneral, rateLimit({ ...caller, limits: speechLimits.general })),
      when(onPath('/api/sources/search'), rateLimit({ ...caller, limits: speechLimits.search })),
      when(onPath('/api/sources/download'), rateLimit({ ...caller, limits: speechLimits.download })),
      when(startsTraining, rateLimit({ ...caller, limits: speechLimits.training })),
      when(onPath('/api/settings/*'), rateLimit({ ...caller, limits: speechLimits.settings })),
    ),
  }
}

const isPublic: Test = onPath('/api/public/*')
const inApi: Test = onPath('/api/*')
const inGeneral: Test = (request, context) => inApi(request, context) && !isPublic(request, context)
const onTraining: Test = onPath('/api/training')
const startsTraining: Test = (request, context) => request.method === 'POST' && onTraining(request, context)
