import { describe, expect, test } from 'vitest'
import type { ProblemCode, ProblemInit } from '../../src/core/problem.ts'
import { legacyEnvelope, Problem, problem, problemDetails, PROBLEMS, refuse } from '../../src/core/problem.ts'
import { contextOf, virtualClock } from '../helpers.ts'

const ID = '0190163d-8694-739b-aea5-966c26f8ad91'
const withId = (requestId: string) => Object.assign(contextOf({ clock: virtualClock(0) }), { requestId })
const codes = Object.keys(PROBLEMS) as ProblemCode[]
const json = async (response: Response): Promise<Record<string, unknown>> =>
  await response.json() as Record<string, unknown>

describe('the table of problems', () => {
  test('codes are API: this list changes only on purpose', () => {
    expect(codes).toEqual([
      'bad-request',
      'content-length-invalid',
      'body-length-mismatch',
      'body-unreadable',
      'body-malformed',
      'encoding-invalid',
      'input-too-complex',
      'input-invalid',
      'file-unexpected',
      'cost-exceeds-limit',
      'idempotency-key-missing',
      'idempotency-key-invalid',
      'unauthenticated',
      'forbidden',
      'address-not-allowed',
      'origin-not-allowed',
      'https-required',
      'not-found',
      'method-not-allowed',
      'idempotency-key-in-use',
      'response-not-replayable',
      'length-required',
      'body-too-large',
      'file-too-large',
      'content-type-unsupported',
      'content-encoding-unsupported',
      'file-type-unsupported',
      'host-not-allowed',
      'idempotency-key-reused',
      'rate-limit-exceeded',
      'concurrency-exceeded',
      'banned',
      'headers-too-large',
      'internal-error',
      'response-invalid',
      'guard-unavailable',
      'overloaded',
      'not-ready',
      'deadline-exceeded',
    ])
  })

  test.each(codes)('%s is kebab-case, has an error status', (code) => {
    const status = PROBLEMS[code]
    expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/)
    expect(status).toBeGreaterThanOrEqual(400)
    expect(status).toBeLessThan(600)
  })
})

describe('RFC 9457, the default', () => {
  test.each(codes)('%s has the members of the RFC and our code', async (code) => {
    const response = refuse(withId(ID), problem(code))
    const status = PROBLEMS[code]
    expect(response.status).toBe(status)
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    expect(response.headers.get('cache-control')).toBe('no-store')
    const body = await json(response)
    expect(body).toEqual({
      type: 'about:blank',
      title: expect.any(String),
      status,
      detail: `${code[0]!.toUpperCase()}${code.slice(1).replaceAll('-', ' ')}.`,
      instance: `urn:uuid:${ID}`,
      code,
    })
    expect(body['title']).toMatch(/^[A-Z]/)
  })

  test('titles are the status phrases, as RFC 9457 §4.2.1 asks of about:blank', async () => {
    const phrases = {
      400: 'Bad Request',
      404: 'Not Found',
      413: 'Content Too Large',
      422: 'Unprocessable Content',
      429: 'Too Many Requests',
      503: 'Service Unavailable',
      418: 'Client Error',
      599: 'Server Error',
    }
    for (const [status, title] of Object.entries(phrases)) {
      expect(await json(refuse(contextOf(), { status: Number(status), code: 'x' }))).toEqual({
        type: 'about:blank',
        title,
        status: Number(status),
        detail: 'X.',
        code: 'x',
      })
    }
  })

  test('instance is a URI: urn:uuid of a UUID, a fragment of anything else, left out without an id', () => {
    const instance = (context: Parameters<typeof problemDetails>[1]): unknown =>
      (problemDetails(problem('not-found'), context).body as { instance: unknown }).instance
    expect(instance(withId(ID.toUpperCase()))).toBe(`urn:uuid:${ID.toUpperCase()}`)
    expect(instance(withId('req_1 2/"<é'))).toBe('#req_1%202%2F%22%3C%C3%A9')
    expect(instance(contextOf())).toBeUndefined()
  })

  test('extension members cannot pose as the standard ones', async () => {
    const members = { type: 'evil:', title: 'evil', status: 200, detail: 'evil', code: 'evil', extra: [1] }
    expect(await json(refuse(contextOf(), problem('not-found', { members }))))
      .toEqual({
        type: 'about:blank',
        title: 'Not Found',
        status: 404,
        detail: 'Not found.',
        code: 'not-found',
        extra: [1],
      })
  })

  test('its own type and title stand', async () => {
    const more = { type: 'https://iana.org/assignments/http-problem-types#quota-exceeded', title: 'Quota exceeded' }
    expect(await json(refuse(contextOf(), problem('rate-limit-exceeded', more)))).toMatchObject(more)
  })
})

describe('refuse', () => {
  test('marks the request’s log line', () => {
    const context = contextOf()
    refuse(context, problem('forbidden'))
    expect(context.attributes).toEqual({ 'problem.code': 'forbidden' })
  })

  test('sends the headers of the problem, but media type and no-store are its own', () => {
    const headers = {
      'retry-after': '5',
      'www-authenticate': 'Bearer',
      'content-type': 'text/html',
      'cache-control': 'public',
    }
    const response = refuse(contextOf(), problem('unauthenticated', { headers }))
    expect(Object.fromEntries(response.headers)).toEqual({
      'retry-after': '5',
      'www-authenticate': 'Bearer',
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
    })
  })

  test('formats as the context says', async () => {
    const context = contextOf()
    context.format = ({ code }) => ({ contentType: 'application/vnd.test+json', body: [code] })
    const response = refuse(context, problem('forbidden'))
    expect(response.headers.get('content-type')).toBe('application/vnd.test+json')
    expect(await response.json()).toEqual(['forbidden'])
  })
})

describe('the legacy envelope', () => {
  const legacy = (init: ProblemInit): Promise<Record<string, unknown>> => {
    const context = withId('req_123456')
    context.format = legacyEnvelope
    const response = refuse(context, init)
    expect(response.headers.get('content-type')).toBe('application/json')
    return json(response)
  }

  test('SEEDS E2: success, error, message, statusCode, timestamp, requestId', async () => {
    expect(await legacy(problem('not-found'))).toEqual({
      success: false,
      error: 'NotFound',
      message: 'Not found.',
      statusCode: 404,
      timestamp: '1970-01-01T00:00:00.000Z',
      requestId: 'req_123456',
    })
    expect(await legacy({ status: 418, code: 'x' })).toMatchObject({ error: 'ClientError', message: 'X.' })
  })

  test('SEEDS V2: a validation error lists field, message and code', async () => {
    const errors = [
      { pointer: '#/user/email', message: 'Must be an email address.', code: 'format' },
      { pointer: '', message: 'Required.', code: 'required' },
    ]
    expect(await legacy(problem('input-invalid', { members: { errors } }))).toMatchObject({
      success: false,
      error: 'ValidationError',
      message: 'Validation failed. Please check your input.',
      statusCode: 400,
      details: [
        { field: 'user.email', message: 'Must be an email address.', code: 'format' },
        { field: '', message: 'Required.', code: 'required' },
      ],
    })
  })

  test('SEEDS R16, corrected: retryAfter is an integer, and the same as Retry-After', async () => {
    const init = problem('rate-limit-exceeded', {
      detail: 'Too many requests. Please try again later.',
      headers: { 'retry-after': '900' },
      members: { retryAfter: 900 },
    })
    const body = await legacy(init)
    expect(body).toMatchObject({
      success: false,
      error: 'TooManyRequests',
      message: 'Too many requests. Please try again later.',
      statusCode: 429,
      retryAfter: 900,
    })
    expect(refuse(contextOf(), init).headers.get('retry-after')).toBe(String(body['retryAfter']))
    // Also where a guard says it in the header only.
    expect(await legacy(problem('guard-unavailable', { headers: { 'retry-after': '3' } }))).toMatchObject({
      statusCode: 503,
      retryAfter: 3,
    })
    expect(await legacy(problem('not-found', { headers: { 'retry-after': 'Thu, 01 Jan 2026 00:00:00 GMT' } }))).not
      .toHaveProperty('retryAfter')
  })

  test('members cannot pose as the envelope', async () => {
    expect(await legacy(problem('not-found', { members: { success: true, statusCode: 200, requestId: 'x' } })))
      .toMatchObject({ success: false, statusCode: 404, requestId: 'req_123456' })
  })
})

describe('Problem', () => {
  test('is an Error that holds what it was given; the cause stays inside', async () => {
    const cause = new Error('inside')
    const one = new Problem(409, 'note-locked', {
      title: 'T',
      detail: 'D.',
      type: 'about:t',
      headers: { 'x-a': '1' },
      members: { m: 1 },
      cause,
    })
    expect(one).toBeInstanceOf(Error)
    expect(one).toMatchObject({ name: 'Problem', message: 'D.', status: 409, code: 'note-locked', cause })
    expect(await json(refuse(contextOf(), one))).toEqual({
      type: 'about:t',
      title: 'T',
      status: 409,
      detail: 'D.',
      code: 'note-locked',
      m: 1,
    })
    expect('cause' in new Problem(409, 'x')).toBe(false)
    expect(new Problem(409, 'x').message).toBe('x')
  })

  test.each([200, 302, 399, 600, 404.5, Number.NaN, '404' as never])('refuses the status %s', (status) => {
    expect(() => new Problem(status, 'x')).toThrow(RangeError)
  })
})
