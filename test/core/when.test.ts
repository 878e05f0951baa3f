import { describe, expect, test } from 'vitest'
import { extend } from '../../src/core/context.ts'
import type { Handler, Wrapper } from '../../src/core/handler.ts'
import { isPromise, risky } from '../../src/core/handler.ts'
import { onPath } from '../../src/core/request.ts'
import { unless, when } from '../../src/core/when.ts'
import { contextOf, requestTo, send } from '../helpers.ts'

const mark: Wrapper = (next) => (request, context) => {
  context.attributes['marked'] = true
  return next(request, context)
}
const app: Handler = (_request, context) => new Response(context.attributes['marked'] ? 'marked' : 'plain')
const bodyOf = async (handler: Handler, path: string): Promise<string> => (await send(handler, requestTo(path))).text()

describe('when', () => {
  const handler = when((request) => request.url.endsWith('/yes'), mark)(app)

  test('applies to what passes the test, and to nothing else', async () => {
    expect(await bodyOf(handler, '/yes')).toBe('marked')
    expect(await bodyOf(handler, '/no')).toBe('plain')
  })

  test('folds once, when it is made', () => {
    let folds = 0
    const counting: Wrapper = (next) => {
      folds++
      return (request, context) => next(request, context)
    }
    const counted = when(() => true, counting)(app)
    for (let i = 0; i < 10; i++) void counted(requestTo(), contextOf())
    expect(folds).toBe(1)
  })

  test('stays synchronous, and gives the test the request and the context', () => {
    let got: unknown[] = []
    const request = requestTo()
    const context = contextOf()
    const response = when((...both) => (got = both, false), mark)(app)(request, context)
    expect(isPromise(response)).toBe(false)
    expect(got).toEqual([request, context])
    expect(got[1]).toBe(context)
  })

  test('a test that throws does not let pass', () => {
    const broken = when(() => {
      throw new Error('broken')
    }, mark)(app)
    expect(() => broken(requestTo(), contextOf())).toThrow('broken')
  })

  test('what the wrapper adds is in the context of the requests it applied to', async () => {
    const adds: Wrapper<{ readonly who: string }> = (next) => (request, context) =>
      next(request, extend(context, { who: 'ada' }))
    const seeing = when(onPath('/yes'), adds)((_request, context) => new Response(String('who' in context)))
    expect(await bodyOf(seeing, '/yes')).toBe('true')
    expect(await bodyOf(seeing, '/no')).toBe('false')
  })

  test('keeps the risks of the wrapper, for the policy to list', () => {
    const open: Wrapper = (next) => (request, context) => next(request, context)
    const loose = risky(open, ['loose: dangerously'])
    expect(when(() => true, loose)['~risks']).toEqual(['loose: dangerously'])
    expect(unless(() => true, loose)['~risks']).toEqual(['loose: dangerously'])
    expect(when(() => true, mark)['~risks'] ?? []).toEqual([])
  })
})

describe('unless', () => {
  const handler = unless(onPath('/health/*'), mark)(app)

  test('lets off what passes the test, and nothing else', async () => {
    expect(await bodyOf(handler, '/health/live')).toBe('plain')
    expect(await bodyOf(handler, '/other')).toBe('marked')
  })

  test.each(['/admin/x%5C..%5C..%5Chealth%5Clive', '/admin%2f..%2fhealth%2flive', '/HEALTH/live', '/health//live'])(
    'PITFALLS 33: %s does not talk itself past a guard',
    async (path) => expect(await bodyOf(handler, path)).toBe('marked'),
  )

  test('while when() protects every spelling', async () => {
    const guarded = when(onPath('/admin/*'), mark)(app)
    for (const path of ['/admin', '/ADMIN//x', '/x%2f..%2fadmin', '/admin/%0a', '/%61dmin/']) {
      expect(await bodyOf(guarded, path)).toBe('marked')
    }
  })

  test('a test that forgot to be synchronous exempts nobody', async () => {
    expect(await bodyOf(unless(() => Promise.resolve(true) as never, mark)(app), '/')).toBe('marked')
  })

  test('takes a test of one’s own', async () => {
    const mine = unless((request) => request.method === 'GET', mark)(app)
    expect(await bodyOf(mine, '/')).toBe('plain')
    expect(await (await send(mine, requestTo('/', { method: 'POST' }))).text()).toBe('marked')
  })
})
