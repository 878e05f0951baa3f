import { describe, expect, test } from 'vitest'
import { compose, fold } from '../../src/core/compose.ts'
import { extend } from '../../src/core/context.ts'
import { ALLOW, guard } from '../../src/core/guard.ts'
import type { Handler, Wrapper } from '../../src/core/handler.ts'
import { isPromise, risky } from '../../src/core/handler.ts'
import { contextOf, requestTo, send, settled } from '../helpers.ts'

/** Writes its name down on the way in and on the way out. */
function noting(trace: string[], name: string): Wrapper {
  return (next) => async (request, context) => {
    trace.push(`>${name}`)
    const response = await next(request, context)
    trace.push(`<${name}`)
    return response
  }
}

describe('compose', () => {
  test('the first is the outermost', async () => {
    const trace: string[] = []
    const handler = compose(noting(trace, 'a'), noting(trace, 'b'), noting(trace, 'c'))(() => {
      trace.push('handler')
      return new Response()
    })
    await send(handler)
    expect(trace.join(' ')).toBe('>a >b >c handler <c <b <a')
  })

  test('is associative, and the same as nesting', async () => {
    const orders = await Promise.all([
      (t: string[]) => compose(compose(noting(t, 'a'), noting(t, 'b')), noting(t, 'c')),
      (t: string[]) => compose(noting(t, 'a'), compose(noting(t, 'b'), noting(t, 'c'))),
      (t: string[]): Wrapper => (next) => noting(t, 'a')(noting(t, 'b')(noting(t, 'c')(next))),
      (t: string[]) => fold([noting(t, 'a'), noting(t, 'b'), noting(t, 'c')]) as unknown as Wrapper,
    ].map(async (make) => {
      const trace: string[] = []
      await send(make(trace)(() => new Response()))
      return trace.join(' ')
    }))
    expect(new Set(orders)).toEqual(new Set(['>a >b >c <c <b <a']))
  })

  test('folds once, not per request', async () => {
    let folds = 0
    const counting: Wrapper = (next) => {
      folds++
      return (request, context) => next(request, context)
    }
    const handler = compose(counting, counting, counting)(() => new Response())
    expect(folds).toBe(3)
    for (let i = 0; i < 10; i++) await send(handler)
    expect(folds).toBe(3)
  })

  test('one composition wraps many handlers', async () => {
    const both = compose(guard({ name: 'a', decide: () => ALLOW }), guard({ name: 'b', decide: () => ALLOW }))
    const [one, two] = [both(() => new Response('1')), both(() => new Response('2'))]
    expect([await (await send(one)).text(), await (await send(two)).text()]).toEqual(['1', '2'])
  })

  test('of one, and of twenty, with every fact in place', async () => {
    const fact = <const K extends string>(key: K): Wrapper<{ readonly [P in K]: P }> => (next) => (request, context) =>
      next(request, extend(context, { [key]: key } as { readonly [P in K]: P }))
    expect((await send(compose(fact('a'))((_request, context) => new Response(context.a)))).status).toBe(200)
    const twenty = compose(
      fact('k1'),
      fact('k2'),
      fact('k3'),
      fact('k4'),
      fact('k5'),
      fact('k6'),
      fact('k7'),
      fact('k8'),
      fact('k9'),
      fact('k10'),
      fact('k11'),
      fact('k12'),
      fact('k13'),
      fact('k14'),
      fact('k15'),
      fact('k16'),
      fact('k17'),
      fact('k18'),
      fact('k19'),
      fact('k20'),
    )((_request, context) => new Response(context.k1 + context.k20))
    expect(await (await send(twenty)).text()).toBe('k1k20')
  })

  test('stays synchronous when all of it is', () => {
    const sync: Wrapper = (next) => (request, context) => next(request, context)
    expect(isPromise(compose(sync, sync)(() => new Response())(requestTo(), contextOf()))).toBe(false)
  })

  test('what is thrown inside passes out through all of it', async () => {
    const trace: string[] = []
    const handler: Handler = compose(noting(trace, 'a'), noting(trace, 'b'))(() => {
      throw new Error('bug')
    })
    await expect(handler(requestTo(), contextOf())).rejects.toThrow('bug')
    expect(trace).toEqual(['>a', '>b'])
  })

  test('mounting a wrapper twice is found out', () => {
    const who: Wrapper<{ readonly who: string }> = (next) => (request, context) =>
      next(request, extend(context, { who: 'ada' }))
    expect(() => compose(who, who)(() => new Response())(requestTo(), contextOf())).toThrow(/'who' is already there/)
  })

  test('50 requests at once do not mix', async () => {
    const who = guard<{ readonly who: string }>({
      name: 'who',
      decide: async (request) => {
        await settled()
        return { outcome: 'allow', adds: { who: new URL(request.url).searchParams.get('who')! } }
      },
    })
    const announce: Wrapper<{}, { readonly who: string }> = (next) => async (request, context) => {
      context.head.set('x-who', context.who)
      context.attributes['who'] = context.who
      await settled()
      return next(request, context)
    }
    const handler = compose(who, announce)(async (_request, context) => {
      await settled()
      return new Response(`${context.who} ${String(context.attributes['who'])}`)
    })
    const responses = await Promise.all(Array.from({ length: 50 }, (_, i) => send(handler, requestTo(`/?who=${i}`))))
    const seen = await Promise.all(responses.map(async (one) => `${one.headers.get('x-who')} ${await one.text()}`))
    expect(seen).toEqual(Array.from({ length: 50 }, (_, i) => `${i} ${i} ${i}`))
  })
})

test('risky marks a wrapper only when there is a risk', () => {
  const plain: Wrapper = (next) => (request, context) => next(request, context)
  expect(risky(plain, [])).toBe(plain)
  expect('~risks' in plain).toBe(false)
  expect(risky(plain, ["cors: origins '*'"])['~risks']).toEqual([`cors: origins '*'`])
})

test('isPromise knows promises of any realm, and nothing else', () => {
  expect([Promise.resolve(1), { then: () => {} }].map((one) => isPromise<unknown>(one))).toEqual([true, true])
  expect([undefined, null, 1, 'then', {}, { then: 1 }, () => {}].map((one) => isPromise<unknown>(one)))
    .toEqual([false, false, false, false, false, false, false])
})
