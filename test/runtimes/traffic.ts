/** The fixture's part about how much is let in: each guard under a path of its own, all counting in memory. */
import {
  api,
  banList,
  bans,
  concurrency,
  type Context,
  idempotency,
  type KeyOf,
  local,
  memoryStore,
  policy,
  rateLimit,
  reserve,
  shed,
  slowDown,
  type Store,
  tiered,
} from '../../src/index.ts'
import { type Mount, mount } from './mounts.ts'

const byHeader: KeyOf<{}> = (_context, request) => request.headers.get('x-client') ?? 'nobody'
const quiet = { ...api, accessLog: false, contentType: false } as const
const silent = { log: () => {} }
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const asked = (request: Request): URLSearchParams => new URL(request.url).searchParams
const ok = (): Response => Response.json({ ok: true })

/** A store that accepts and never answers. */
const hanging: Store = { consume: () => new Promise(() => {}) }
const list = banList()
let payments = 0

function events(count: number, each: () => void): Response {
  let sent = 0
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (sent > 0) await sleep(30)
      each()
      controller.enqueue(new TextEncoder().encode(`data: ${sent++}\n\n`))
      if (sent === count) controller.close()
    },
  }, { highWaterMark: 0 })
  return new Response(body, {
    headers: { 'content-type': 'text/event-stream' },
  })
}

export const traffic: readonly Mount[] = [
  mount(
    '/traffic/limits',
    policy({
      ...quiet,
      rateLimit: rateLimit({
        key: byHeader,
        limits: [
          {
            name: 'slide',
            limit: 3,
            window: '1h',
            algorithm: 'sliding-window',
          },
          {
            name: 'bucket',
            limit: 100,
            window: '100m',
            algorithm: 'token-bucket',
            unit: 'points',
            cost: 10,
          },
          { name: 'day', limit: 1_000, window: '1d' },
        ],
        store: tiered(memoryStore()),
      }),
    }),
    ok,
  ),
  mount(
    '/traffic/login',
    policy({
      ...quiet,
      rateLimit: rateLimit({
        key: byHeader,
        limit: 2,
        window: '1h',
        refundWhen: ({ status }) => status !== 401,
      }),
    }),
    (request) => new Response('', { status: Number(asked(request).get('status') ?? 200) }),
  ),
  mount(
    '/traffic/tokens',
    policy({
      ...quiet,
      own: reserve({
        key: byHeader,
        limits: [{ name: 'tokens', limit: 10_000, window: '1h' }],
        estimate: 4_000,
      }),
    }),
    (request, { reservation }) => {
      const units = Number(asked(request).get('units'))
      if (asked(request).has('stream')) {
        return events(3, () => reservation.spend(units))
      }
      reservation.settle(units)
      return ok()
    },
  ),
  mount(
    '/traffic/concurrency',
    policy({ ...quiet, quota: concurrency({ key: byHeader, limit: 2 }) }),
    (request) => asked(request).has('stream') ? events(8, () => {}) : ok(),
  ),
  mount(
    '/traffic/slow',
    policy({
      ...quiet,
      slowDown: slowDown({ key: byHeader, after: 1, window: '1h' }),
    }),
    ok,
  ),
  mount(
    '/traffic/shed',
    policy({ ...quiet, shed: shed({ maxInFlight: 3 }) }),
    async () => {
      await sleep(200)
      return ok()
    },
  ),
  mount(
    '/traffic/bans',
    policy({
      ...quiet,
      bans: bans({
        key: byHeader,
        after: 2,
        within: '1h',
        for: '1h',
        list,
        ...silent,
      }),
      rateLimit: rateLimit({ key: byHeader, limit: 1, window: '1h' }),
    }),
    ok,
  ),
  mount('/traffic/list', policy(quiet), async (request, context: Context) => {
    const client = asked(request).get('lift')
    if (client !== null) await list.lift(client, context)
    return Response.json((await list.entries(context)).map(({ key }) => key))
  }),
  mount(
    '/traffic/idempotency',
    policy({ ...quiet, idempotency: idempotency({ scope: byHeader }) }),
    async (request) => {
      if (asked(request).has('stream')) return events(2, () => {})
      await sleep(Number(asked(request).get('wait') ?? 0))
      return Response.json({ payment: ++payments }, {
        status: 201,
        headers: { location: `/payments/${payments}` },
      })
    },
  ),
  ...(['allow', 'refuse', local(0.5)] as const).map((onOutage) =>
    mount(
      `/traffic/outage/${typeof onOutage === 'string' ? onOutage : 'local'}`,
      policy({
        ...quiet,
        rateLimit: rateLimit({
          key: byHeader,
          limit: 4,
          window: '1h',
          store: { ...hanging },
          onOutage,
          ...silent,
        }),
      }),
      (_request, { events }) => Response.json(events.map(({ kind }) => kind)),
    )
  ),
]
