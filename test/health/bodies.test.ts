import { describe, expect, test } from 'vitest'
import { healthComponents, type HealthFormat, healthJson, healthSections } from '../../src/health/bodies.ts'
import { health, type HealthOptions } from '../../src/health/health.ts'
import { countProbe } from '../../src/health/probes.ts'
import { contextOf, requestTo, send, virtualClock } from '../helpers.ts'

const AT = '2026-01-01T00:00:00.000Z'

async function ask(format: HealthFormat, options: HealthOptions = {}, path = '/health', draining = false) {
  const handler = health({ format, detail: () => true, ...options })(() => new Response('beyond'))
  const response = await send(handler, requestTo(path), contextOf({ clock: virtualClock(), platform: { draining } }))
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    kept: response.headers.get('cache-control'),
    body: await response.json() as Record<string, unknown>,
  }
}

const checks: HealthOptions['checks'] = {
  database: () => true,
  uptime: () => ({ status: 'pass', observedValue: 90, observedUnit: 's' }),
  memory: () => [
    { status: 'warn', measurement: 'heap', observedValue: 85, observedUnit: '%' },
    { status: 'pass', measurement: 'current', observedValue: 1_000, observedUnit: 'bytes' },
    { status: 'pass', measurement: 'peak', observedValue: 2_000, observedUnit: 'bytes' },
  ],
  requests: () => [
    { status: 'pass', measurement: 'total', observedValue: 7 },
    { status: 'pass', measurement: 'errorRate', observedValue: 0.01 },
  ],
  'socket:onlineUsers': countProbe(() => 3),
  'socket:queueLength': countProbe(() => 0),
  mail: { check: () => ({ status: 'fail', output: 'refused' }), critical: false },
  role: () => ({ status: 'pass', observedValue: 'primary' }),
}

const sections = {
  database: { status: 'healthy', responseTime: 0 },
  memory: { status: 'degraded', heap: 85, current: 1_000, peak: 2_000 },
  requests: { status: 'healthy', total: 7, errorRate: 0.01 },
  socket: { status: 'healthy', onlineUsers: 3, queueLength: 0 },
  mail: { status: 'unhealthy', responseTime: 0, message: 'refused' },
  role: { status: 'healthy', value: 'primary' },
}

describe('lets the good through', () => {
  test('M2, M3: the first report had components', async () => {
    expect(await ask(healthComponents({ environment: 'test' }), { checks, version: '1.2.3' })).toEqual({
      status: 200,
      type: 'application/json',
      kept: 'no-store',
      body: {
        environment: 'test',
        status: 'degraded',
        timestamp: AT,
        version: '1.2.3',
        uptime: 90,
        components: sections,
      },
    })
  })

  test('M4: the second report had a section each, and alerts', async () => {
    expect(await ask(healthSections({ environment: 'test' }), { checks, version: '1.2.3' })).toEqual({
      status: 200,
      type: 'application/json',
      kept: 'no-store',
      body: {
        environment: 'test',
        ...sections,
        status: 'degraded',
        timestamp: AT,
        version: '1.2.3',
        uptime: 90,
        alerts: 2,
        activeAlerts: ['memory', 'mail'],
      },
    })
  })

  test('a format of your own gets the report and its time', async () => {
    const own: HealthFormat = ({ status }, at) => ({ contentType: 'application/x-own', body: [status, at.getTime()] })
    const { type, body } = await ask(own)
    expect([type, body]).toEqual(['application/x-own', ['pass', Date.parse(AT)]])
  })

  test.each([[healthComponents(), 'unhealthy'], [healthSections(), 'unhealthy'], [healthJson, 'fail']])(
    'the status code does not depend on the format',
    async (format, status) => {
      const answer = await ask(format, { checks: { a: () => false } })
      expect(answer.status).toBe(503)
      expect(answer.body['status']).toBe(status)
    },
  )
})

describe('refuses the bad', () => {
  test.each([healthComponents({ environment: 'test' }), healthSections({ environment: 'test' })])(
    'PITFALLS 25: who may not see the checks sees status and time',
    async (format) => {
      const seen = { status: 'degraded', timestamp: AT }
      const options = { checks, version: '1.2.3' }
      expect((await ask(format, { ...options, detail: undefined })).body).toEqual(seen)
      expect((await ask(format, options, '/health/ready')).body).toEqual(seen)
      expect((await ask(format, options, '/health/live')).body).toEqual({ ...seen, status: 'healthy' })
      expect((await ask(format, options, '/health', true)).body).toEqual({
        status: 'unhealthy',
        message: 'draining',
        timestamp: AT,
      })
    },
  )

  test('no check takes the place of what the body says of itself', async () => {
    const names = ['status', 'timestamp', 'version', 'alerts', 'activeAlerts']
    const taken = Object.fromEntries(names.map((name) => [name, () => true]))
    const { body } = await ask(healthSections(), { checks: taken, version: '1' })
    expect(body).toEqual({ status: 'healthy', timestamp: AT, version: '1', alerts: 0, activeAlerts: [] })
    const own = await ask(healthSections(), {
      checks: { a: () => ({ status: 'warn', measurement: 'status', observedValue: 'pass' }) },
    })
    expect(own.body['a']).toEqual({ status: 'degraded' })
  })

  test('a name that an object has already is only a name', async () => {
    const named = Object.fromEntries(
      ['__proto__', 'constructor', 'toString:__proto__'].map((name) => [name, () => false]),
    )
    for (const format of [healthComponents(), healthSections()]) {
      const { body } = await ask(format, { checks: named })
      const found = (body['components'] ?? body) as object
      expect(Object.keys(found)).toEqual(expect.arrayContaining(['__proto__', 'constructor', 'toString']))
      expect(({} as Record<string, unknown>)['status']).toBeUndefined()
    }
  })
})
