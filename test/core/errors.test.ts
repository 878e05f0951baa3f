import { describe, expect, test } from 'vitest'
import { answer, errors } from '../../src/core/errors.ts'
import type { Handler } from '../../src/core/handler.ts'
import { isPromise } from '../../src/core/handler.ts'
import { legacyEnvelope, Problem } from '../../src/core/problem.ts'
import { jsonLine } from '../../src/core/redact.ts'
import { contextOf, recorder, requestTo, send } from '../helpers.ts'

const MARK = 'marker-4711'

function cyclic(): Error {
  const error = new Error(MARK)
  error.cause = { why: MARK, error }
  return error
}

const trap = (): never => {
  throw new Error(`${MARK} trap`)
}
const allTraps: ProxyHandler<object> = {
  get: trap,
  has: trap,
  getPrototypeOf: trap,
  ownKeys: trap,
  getOwnPropertyDescriptor: trap,
  set: trap,
  defineProperty: trap,
  isExtensible: trap,
}

const getters = Object.fromEntries(
  ['status', 'expose', 'message', 'name', 'stack', 'cause', 'getResponse'].map((key) => [key, { get: trap }]),
)

const thrown: Record<string, () => unknown> = {
  'an Error': () => new Error(MARK),
  'an Error with a cause': () => new Error(MARK, { cause: new Error(`${MARK} cause`) }),
  'an Error whose cause is itself': cyclic,
  'an AggregateError': () => new AggregateError([new Error(MARK)], MARK),
  'a string': () => MARK,
  'null': () => null,
  'undefined': () => undefined,
  'a number': () => 404,
  'a BigInt': () => 4711n,
  'a symbol': () => Symbol(MARK),
  'a function': () => () => MARK,
  'a frozen object': () => Object.freeze({ message: MARK }),
  'a frozen Error': () => Object.freeze(new Error(MARK)),
  'an object without prototype': () => Object.assign(Object.create(null), { message: MARK, status: 400, expose: true }),
  'an object that poses as exposable': () => ({ message: MARK, status: 400, expose: true }),
  'throwing getters': () => Object.create(Error.prototype, getters),
  'a throwing getResponse': () => Object.assign(new Error(MARK), { getResponse: trap }),
  'a getter of getResponse that throws': () => Object.defineProperty({}, 'getResponse', { get: trap }),
  'a getResponse that gives no Response': () =>
    Object.assign(new Error(MARK), { getResponse: () => ({ status: 200, body: MARK }) }),
  'a Proxy with all traps set': () => new Proxy({}, allTraps),
  'a Proxy of an Error with all traps set': () => new Proxy(new Error(MARK), allTraps),
  'a Proxy of a Problem that breaks when read': () =>
    new Proxy(new Problem(404, 'not-found', { detail: MARK }), { get: trap }),
  'a revoked Proxy': () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    return proxy
  },
  'what poses as a Response': () => ({ [Symbol.toStringTag]: 'Response', body: MARK }),
  'a network error': () => Response.error(),
  'an exposable 500': () => Object.assign(new Error(MARK), { status: 500, expose: true }),
  'a 404 that does not say expose': () => Object.assign(new Error(MARK), { status: 404 }),
  'an exposable status that is no status': () => Object.assign(new Error(MARK), { status: 4040, expose: true }),
  'an exposable fraction': () => Object.assign(new Error(MARK), { status: 404.5, expose: true }),
}

describe('fault 44: a bug is a 500 without a word of its cause, and one line in the log', () => {
  for (const [name, make] of Object.entries(thrown)) {
    test.each([['thrown', true], ['rejected with', false]])(`${name}, %s`, async (_how, at_once) => {
      const { log, records } = recorder()
      const context = contextOf()
      const handler = errors({ log })(
        at_once
          ? () => {
            throw make()
          }
          : () => Promise.reject(make()),
      )
      const response = await send(handler, requestTo(), context)
      expect(response.status).toBe(500)
      expect(response.headers.get('content-type')).toBe('application/problem+json')
      expect(response.headers.get('cache-control')).toBe('no-store')
      const body = await response.text()
      expect(JSON.parse(body)).toEqual({
        type: 'about:blank',
        title: 'Internal Server Error',
        status: 500,
        detail: expect.stringMatching(/^[A-Z][a-z ]+\.$/),
        code: 'internal-error',
      })
      expect(JSON.stringify([...response.headers])).not.toContain(MARK)
      expect(records).toHaveLength(1)
      expect(records[0]).toMatchObject({ level: 'error', code: 'internal-error', method: 'GET' })
      expect(jsonLine(records[0])).not.toContain('\n')
      expect(context.events).toEqual([{ kind: 'error', guard: 'errors', code: 'internal-error', status: 500 }])
    })
  }

  test('the log has the cause and the request id, the client has neither stack nor cause', async () => {
    const { log, records } = recorder()
    const context = Object.assign(contextOf(), { requestId: 'req_12345678' })
    await send(
      errors({ log })(() => {
        throw new Error(MARK, { cause: new Error('root') })
      }),
      requestTo(),
      context,
    )
    const line = jsonLine(records[0])
    expect(JSON.parse(line)).toMatchObject({
      requestId: 'req_12345678',
      error: { message: MARK, cause: { message: 'root' } },
    })
  })

  test('what breaks after the client left is no bug of ours: one line, but no event and no 500', async () => {
    const { log, records } = recorder()
    const context = contextOf()
    const abort = new AbortController()
    const request = requestTo('/', { signal: abort.signal })
    const handler = errors({ log })(() => {
      abort.abort()
      throw new Error(MARK)
    })
    const response = await send(handler, request, context)
    expect(response.status).toBe(400)
    expect(await response.text()).not.toContain(MARK)
    expect(records).toMatchObject([{ level: 'info', error: { message: MARK } }])
    expect(context.events).toEqual([])
  })

  test('a stream that breaks after the head is not the boundary’s: the body fails, nothing is thrown here', async () => {
    const { log, records } = recorder()
    const broken = new ReadableStream({ pull: (controller) => controller.error(new Error(MARK)) })
    const response = await send(errors({ log })(() => new Response(broken)))
    await expect(response.text()).rejects.toThrow(MARK)
    expect(records).toEqual([])
  })
})

describe('what is thrown on purpose', () => {
  test('PITFALLS 27: a Response is the answer', async () => {
    const { log, records } = recorder()
    const context = contextOf()
    const mine = new Response('mine', { status: 409 })
    for (
      const handler of [() => {
        throw mine
      }, () => Promise.reject(mine)]
    ) {
      expect(await errors({ log })(handler)(requestTo(), context)).toBe(mine)
    }
    expect(records).toEqual([])
    expect(context.events).toEqual([])
  })

  test('an exception that carries its response, as Hono’s does, is answered with that', async () => {
    class HTTPException extends Error {
      readonly status = 401
      getResponse(): Response {
        return new Response(`${this.message}!`, { status: this.status, headers: { 'www-authenticate': 'Basic' } })
      }
    }
    const response = await send(
      errors({ log: recorder().log })(() => {
        throw new HTTPException('who')
      }),
    )
    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toBe('Basic')
    expect(await response.text()).toBe('who!')
  })

  test('a Problem is sent as it says, without its cause, and logged only if it is ours', async () => {
    const { log, records } = recorder()
    const missing = new Problem(404, 'note-not-found', {
      detail: 'No such note.',
      members: { id: 7 },
      headers: { 'x-a': '1' },
      cause: new Error(MARK),
    })
    const response = await send(
      errors({ log })(() => {
        throw missing
      }),
    )
    expect(response.status).toBe(404)
    expect(response.headers.get('x-a')).toBe('1')
    expect(await response.json()).toEqual({
      type: 'about:blank',
      title: 'Not Found',
      status: 404,
      detail: 'No such note.',
      code: 'note-not-found',
      id: 7,
    })
    expect(records).toEqual([])

    const context = contextOf()
    const down = await send(
      errors({ log })(() => {
        throw new Problem(503, 'ledger-down', { cause: new Error(MARK) })
      }),
      requestTo(),
      context,
    )
    expect(down.status).toBe(503)
    expect(await down.text()).not.toContain(MARK)
    expect(records).toHaveLength(1)
    expect(jsonLine(records[0])).toContain(MARK)
    expect(context.events).toEqual([{ kind: 'error', guard: 'errors', code: 'ledger-down', status: 503 }])
  })

  test('an error that says expose and 4xx, as http-errors does, shows its message, cut short', async () => {
    const exposed = (message: string): Error => Object.assign(new Error(message), { status: 422, expose: true })
    const { log, records } = recorder()
    const response = await send(
      errors({ log })(() => {
        throw exposed('Too short')
      }),
    )
    expect(response.status).toBe(422)
    expect(await response.json()).toMatchObject({ status: 422, detail: 'Too short', title: 'Unprocessable Content' })
    const long = await send(
      errors({ log })(() => {
        throw exposed('x'.repeat(10_000))
      }),
    )
    expect(((await long.json()) as { detail: string }).detail).toHaveLength(200)
    expect(records).toEqual([])
  })
})

describe('the boundary itself', () => {
  test('stays synchronous when the handler is, and hands responses on untouched', async () => {
    const one = new Response()
    expect(errors()(() => one)(requestTo(), contextOf())).toBe(one)
    expect(isPromise(errors({ log: recorder().log })(() => trap())(requestTo(), contextOf()))).toBe(false)
    expect(await errors()(() => Promise.resolve(one))(requestTo(), contextOf())).toBe(one)
  })

  test('sets the format for everything inside it', async () => {
    const handler: Handler = errors({ format: legacyEnvelope, log: recorder().log })(() => {
      throw new Problem(404, 'not-found')
    })
    const response = await send(handler)
    expect(response.headers.get('content-type')).toBe('application/json')
    expect(await response.json()).toMatchObject({ success: false, statusCode: 404 })
  })

  test.each([['of a bug', () => new Error(MARK)], ['of a refusal', () => new Problem(404, 'not-found')]])(
    'survives a format that throws, and one line says so %s',
    async (_name, make) => {
      const { log, records } = recorder()
      const context = contextOf()
      const response = await send(
        errors({
          log,
          format: () => {
            throw new Error('format broke')
          },
        })(() => {
          throw make()
        }),
        requestTo(),
        context,
      )
      expect(response.status).toBe(500)
      expect(await response.text()).toBe('')
      expect(response.headers.get('cache-control')).toBe('no-store')
      expect(records).toHaveLength(1)
      expect(jsonLine(records[0])).toContain('format broke')
      expect(context.events).toEqual([{ kind: 'error', guard: 'errors', code: 'internal-error', status: 500 }])
    },
  )

  test('fault 29: survives a Problem whose header or body cannot be sent', async () => {
    for (
      const options of [{ headers: { 'x-a': 'a\r\nb: c' } }, { headers: { 'x a': '1' } }, { members: { big: 1n } }, {
        members: cyclic() as never,
      }]
    ) {
      const { log, records } = recorder()
      const response = await send(
        errors({ log })(() => {
          throw new Problem(404, 'not-found', options)
        }),
      )
      expect([404, 500]).toContain(response.status)
      if (response.status === 500) expect(records).toHaveLength(1)
    }
  })

  test('fault 45: a log that throws or rejects changes nothing', async () => {
    for (const log of [trap, () => Promise.reject(new Error('sink'))]) {
      expect((await send(errors({ log })(() => trap()))).status).toBe(500)
    }
    await new Promise((resolve) => setTimeout(resolve, 5)) // an unhandled rejection would fail the run
  })

  test('the head that was announced is on the answer', async () => {
    const context = contextOf()
    context.head.set('x-content-type-options', 'nosniff')
    const response = await send(errors({ log: recorder().log })(() => trap()), requestTo(), context)
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
  })

  test('options that are no functions are refused when made', () => {
    expect(() => errors({ format: 'json' as never })).toThrow(/^errors: format/)
    expect(() => errors({ log: console as never })).toThrow(/^errors: log/)
  })

  test('answer never throws', () => {
    for (const make of Object.values(thrown)) {
      expect(answer(make(), requestTo(), contextOf(), trap).status).toBe(500)
    }
  })
})
