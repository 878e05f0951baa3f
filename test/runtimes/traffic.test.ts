/** How much: the same guards, with their stores in memory, on every runtime. */
import { describe, expect, inject, test } from 'vitest'
import { caller, unique, until } from './client.ts'

describe.each(inject('targets'))('traffic on $name', (target) => {
  const call = caller(target)
  const as = (client: string) => (path: string, init: RequestInit = {}): Promise<Response> =>
    call(`/traffic${path}`, {
      ...init,
      headers: {
        'x-client': client,
        ...init.headers as Record<string, string>,
      },
    })
  const statusOf = async (answer: Promise<Response>): Promise<number> => {
    const { status, body } = await answer
    await body?.cancel()
    return status
  }
  const left = async (
    answer: Promise<Response>,
    name: string,
  ): Promise<number> =>
    Number(
      new RegExp(`"${name}";r=(\\d+)`).exec(
        (await answer).headers.get('ratelimit') ?? '',
      )?.[1],
    )

  test('three limits of three kinds in one step, and a refusal that names its own', async () => {
    const get = as(unique('client'))
    const first = await get('/limits')
    expect(first.headers.get('ratelimit-policy'))
      .toBe(
        '"slide";q=3;w=3600, "bucket";q=100;qu="points";w=6000, "day";q=1000;w=86400',
      )
    expect(first.headers.get('ratelimit')).toMatch(
      /^"slide";r=2;t=\d+, "bucket";r=90;t=\d+, "day";r=999;t=\d+$/,
    )
    const all = await Promise.all(
      Array.from({ length: 20 }, () => get('/limits')),
    )
    expect(all.filter(({ status }) => status === 200)).toHaveLength(2)
    const refused = await get('/limits')
    expect(refused.status).toBe(429)
    expect(refused.headers.get('ratelimit')).toMatch(/^"slide";r=0;t=\d+$/)
    expect(await refused.json()).toMatchObject({
      'violated-policies': ['slide'],
    })
  })

  test('counts failures only: what turned out well is given back', async () => {
    const get = as(unique('client'))
    for (let i = 0; i < 5; i++) {
      expect(
        await until(() => statusOf(get('/login')), (status) => status === 200),
      ).toBe(200)
    }
    const failed = (): Promise<number> => statusOf(get('/login?status=401'))
    expect(await until(failed, (status) => status === 401)).toBe(401)
    expect(await until(failed, (status) => status === 401)).toBe(401)
    expect(await failed()).toBe(429)
  })

  test('reserves 4,000 and settles 812, at once or at the end of a stream', async () => {
    const get = as(unique('client'))
    expect(await left(get('/tokens?units=812'), 'tokens')).toBe(6_000)
    expect(
      await until(
        () => left(get('/tokens?units=0'), 'tokens'),
        (units) => units === 5_188,
      ),
    ).toBe(5_188)
    await (await get('/tokens?stream&units=100')).text()
    expect(
      await until(
        () => left(get('/tokens?units=0'), 'tokens'),
        (units) => units === 4_888,
      ),
    ).toBe(4_888)
  })

  test('a client has two requests in flight, streams to their last byte', async () => {
    const get = as(unique('client'))
    const streams = await Promise.all([
      get('/concurrency?stream'),
      get('/concurrency?stream'),
    ])
    const refused = await get('/concurrency')
    expect([refused.status, refused.headers.get('ratelimit')]).toEqual([
      429,
      '"concurrent";r=0',
    ])
    expect(await refused.json()).toMatchObject({
      code: 'concurrency-exceeded',
    })
    expect(await statusOf(as(unique('client'))('/concurrency'))).toBe(200)
    for (const stream of streams) await stream.text()
    expect(
      await until(
        () => statusOf(get('/concurrency')),
        (status) => status === 200,
      ),
    ).toBe(200)
  })

  test('the second request waits 100 ms, the third 200', async () => {
    const get = as(unique('client'))
    const took: number[] = []
    for (let i = 0; i < 3; i++) {
      const started = performance.now()
      expect(await statusOf(get('/slow'))).toBe(200)
      took.push(performance.now() - started)
    }
    expect(took[1]).toBeGreaterThanOrEqual(95)
    expect(took[2]).toBeGreaterThanOrEqual(195)
  })

  test('sheds beyond three in flight; a Worker leaves that to its platform', async () => {
    const statuses = await Promise.all(
      Array.from({ length: 12 }, () => statusOf(as('any')('/shed'))),
    )
    const passed = statuses.filter((status) => status === 200).length
    if (target.name === 'workerd') expect(passed).toBe(12)
    else {
      expect(passed).toBeGreaterThanOrEqual(3)
      expect(statuses.filter((status) => status === 503)).toHaveLength(12 - passed)
      expect(passed).toBeLessThan(12)
    }
    expect(await until(() => statusOf(as('any')('/shed')), (status) => status === 200)).toBe(200)
  })

  test('bans after two violations, lists and lifts', async () => {
    const client = unique('client')
    const get = as(client)
    expect(await statusOf(get('/bans'))).toBe(200)
    const codes = await until(async () => {
      const answer = await get('/bans')
      return [answer.status, (await answer.json() as { code: string }).code]
    }, ([, code]) => code === 'banned')
    expect(codes).toEqual([429, 'banned'])
    expect(await (await get('/list')).json()).toContain(client)
    expect(await (await get(`/list?lift=${client}`)).json()).not.toContain(
      client,
    )
    expect(await (await get('/bans')).json()).toMatchObject({
      code: 'rate-limit-exceeded',
    })
  })

  test('does a payment once, whoever repeats it, and however often at once', async () => {
    const post = as(unique('client'))
    const pay = (
      key: string,
      body = '{"amount":5}',
      query = '',
    ): Promise<Response> =>
      post(`/idempotency${query}`, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json', 'idempotency-key': key },
      })
    const first = await pay('"a"')
    const text = await first.text()
    const again = await pay('"a"')
    expect([again.status, await again.text(), again.headers.get('location')])
      .toEqual([201, text, first.headers.get('location')])
    expect(again.headers.get('idempotent-replayed')).toBe('true')
    expect((await pay('"a"', '{"amount":6}')).status).toBe(422)
    expect((await pay('')).status).toBe(400)
    const all = await Promise.all(
      Array.from({ length: 10 }, () => pay('"b"', '{}', '?wait=50')),
    )
    const done = all.filter(({ status, headers }) => status === 201 && !headers.has('idempotent-replayed'))
    expect(done).toHaveLength(1)
    expect(all.every(({ status }) => status === 201 || status === 409)).toBe(
      true,
    )
    await (await pay('"c"', '{}', '?stream')).text()
    const twice = await until(
      () => pay('"c"', '{}', '?stream'),
      ({ status }) => status === 409,
    )
    expect(await twice.json()).toMatchObject({
      code: 'response-not-replayable',
    })
  })

  test('a store that never answers costs one request its deadline', async () => {
    const took = async (
      path: string,
    ): Promise<[ms: number, response: Response]> => {
      const started = performance.now()
      const response = await as('one')(path)
      return [performance.now() - started, response]
    }
    for (const policy of ['allow', 'refuse', 'local']) {
      const [, first] = await took(`/outage/${policy}`)
      const rest = [
        await took(`/outage/${policy}`),
        await took(`/outage/${policy}`),
        await took(`/outage/${policy}`),
      ]
      const statuses = [first, ...rest.map(([, response]) => response)].map((
        { status },
      ) => status)
      const wanted = {
        allow: [200, 200, 200, 200],
        refuse: [503, 503, 503, 503],
        local: [200, 200, 429, 429],
      }
      expect(statuses).toEqual(wanted[policy as keyof typeof wanted])
      expect(
        [first, ...rest.map(([, response]) => response)].some(({ headers }) => headers.has('ratelimit')),
      ).toBe(false)
      if (policy === 'allow') expect(await first.json()).toEqual(['degraded'])
      // Of the machine, not of the door: elsewhere it is measured to the millisecond.
      for (const [ms] of rest) expect(ms).toBeLessThan(200)
    }
  })
})
