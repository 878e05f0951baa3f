import { AsyncLocalStorage } from 'node:async_hooks'
import { describe, expect, test } from 'vitest'
import { compose } from '../../src/core/compose.ts'
import type { Context } from '../../src/core/context.ts'
import type { HasLog } from '../../src/core/facts.ts'
import type { Handler } from '../../src/core/handler.ts'
import { accessLog } from '../../src/logging/access-log.ts'
import { createLogger, type LineLogger, type LoggerOptions } from '../../src/logging/logger.ts'
import { requestLogger, type RequestStorage } from '../../src/logging/request-logger.ts'
import { policy } from '../../src/policy/policy.ts'
import { requestId } from '../../src/request/request-id.ts'
import { contextOf, requestTo, send, settled } from '../helpers.ts'

interface Logged {
  readonly logger: LineLogger
  read(): Record<string, unknown>[]
}

function logged(options: LoggerOptions = {}): Logged {
  const lines: string[] = []
  const logger = createLogger({ write: (line) => void lines.push(line), ...options })
  return { logger, read: () => lines.splice(0).map((line) => JSON.parse(line) as Record<string, unknown>) }
}

const storageOf = (): RequestStorage => new AsyncLocalStorage<Context>()

describe('adds log', () => {
  test('L15, L3: what the handler logs carries the id of its request and what is known of it', async () => {
    const { logger, read } = logged()
    const handler: Handler<HasLog> = (_request, context) => {
      context.attributes['notes.count'] = 3
      context.log.info('found', { note: 7 })
      return new Response()
    }
    const response = await send(compose(requestId(), requestLogger({ logger }))(handler))
    expect(read()).toMatchObject([{
      'level': 'info',
      'message': 'found',
      'requestId': response.headers.get('x-request-id'),
      'notes.count': 3,
      'note': 7,
    }])
  })

  test('in a policy it stands beside the access log, and their lines share the id', async () => {
    const { logger, read } = logged()
    const lines: string[] = []
    const write = (line: string): void => void lines.push(line)
    const secure = policy({ accessLog: compose(accessLog({ write }), requestLogger({ logger })) })
    const response = await send(secure((_request, context) => {
      context.log.warn('hm')
      return Response.json('ok')
    }))
    await response.text()
    expect(read()[0]?.['requestId']).toBe((JSON.parse(lines[0]!) as { requestId: string }).requestId)
  })

  test('a handler that is synchronous stays so, and its response is the very same', () => {
    const { logger } = logged()
    const response = new Response('hello')
    for (const storage of [undefined, storageOf()]) {
      expect(requestLogger({ logger, storage })(() => response)(requestTo(), contextOf())).toBe(response)
    }
  })

  test('what the handler throws goes through', () => {
    const { logger } = logged()
    for (const storage of [undefined, storageOf()]) {
      const handler = requestLogger({ logger, storage })(() => {
        throw new RangeError('a bug')
      })
      expect(() => handler(requestTo(), contextOf())).toThrow(RangeError)
    }
  })

  test('mounted twice it says so', async () => {
    const { logger } = logged()
    const twice = compose(requestLogger({ logger }), requestLogger({ logger }))
    await expect(async () => await twice(() => new Response())(requestTo(), contextOf())).rejects.toThrow(
      `'log' is already there`,
    )
  })
})

describe('with a storage', () => {
  test('L3: lines of code that has no context carry the request’s fields, across awaits, for each its own', async () => {
    const storage = storageOf()
    const { logger, read } = logged({ storage })
    const work = async (note: number): Promise<void> => {
      await settled()
      logger.child({ module: 'notes' }).info('worked', { note })
      await Promise.resolve()
      logger({ level: 'info', message: 'worked', note })
    }
    const handler = compose(requestId(), requestLogger({ logger, storage }))(async (request) => {
      await work(Number(new URL(request.url).searchParams.get('note')))
      return new Response()
    })
    const ids = await Promise.all([1, 2, 3].map(async (note) => {
      return (await send(handler, requestTo(`/?note=${note}`))).headers.get('x-request-id')
    }))
    const lines = read()
    expect(lines).toHaveLength(6)
    for (const { requestId, note } of lines) expect(requestId).toBe(ids[Number(note) - 1])
    expect(new Set(ids).size).toBe(3)
    logger.info('outside')
    expect(read()[0]).not.toHaveProperty('requestId')
  })

  test('a logger of one request keeps to it, also while another is served', async () => {
    const storage = storageOf()
    const { logger, read } = logged({ storage })
    const first = logger.of(Object.assign(contextOf(), { requestId: 'first' }))
    await send(
      compose(requestId(), requestLogger({ logger, storage }))(() => {
        first.info('one')
        return new Response()
      }),
    )
    expect(read()).toMatchObject([{ requestId: 'first' }])
  })

  test('PITFALLS 10: streams are left alone: the first chunk arrives before the second is made', async () => {
    const storage = storageOf()
    const { logger } = logged({ storage })
    let made = 0
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.enqueue(new Uint8Array([++made]))
      },
    }, { highWaterMark: 0 })
    const response = await requestLogger({ logger, storage })(() => new Response(body))(requestTo(), contextOf())
    expect(response.body).toBe(body)
    const reader = response.body!.getReader()
    expect((await reader.read()).value).toEqual(new Uint8Array([1]))
    expect(made).toBe(1)
    await reader.cancel()
  })

  test('a storage that fails costs a line, not a request', () => {
    const { logger, read } = logged({
      storage: {
        getStore() {
          throw new Error('no')
        },
      },
    })
    logger.info('one')
    expect(read()).toEqual([])
    expect(logger.dropped).toBe(1)
  })
})

test('bad options are a TypeError that names them', () => {
  const { logger } = logged()
  expect(() => requestLogger({ logger: console as never })).toThrow(/^requestLogger: logger /)
  expect(() => requestLogger({ logger, storage: { getStore: () => undefined } as never })).toThrow(
    /^requestLogger: storage /,
  )
})
