import * as v from 'valibot'
import { describe, expect, expectTypeOf, test } from 'vitest'
import { errors } from '../../../src/core/errors.ts'
import { compose } from '../../../src/core/compose.ts'
import { legacyEnvelope } from '../../../src/core/problem.ts'
import { dateRange } from '../../../src/input/schemas/dates.ts'
import type { Training } from '../../../src/input/schemas/speech.ts'
import {
  dataset,
  download,
  idParam,
  login,
  pagination,
  register,
  search,
  settings,
  tokenValidation,
  training,
} from '../../../src/input/schemas/speech.ts'
import { validate } from '../../../src/input/validate.ts'
import { requestTo, send } from '../../helpers.ts'
import { tried, wrong } from './tried.ts'

const ID = '7a1c3f52-0a35-4c8e-9a0d-5d0b8c2f1e11'
const TOKEN = `hf_${'a1'.repeat(17)}`

function post(body: unknown): Request {
  return requestTo('/', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
}

describe('lets the good through', () => {
  test.each<[name: string, schema: v.GenericSchema, value: unknown, out: unknown]>([
    ['register', register, { username: ' ada ', email: 'Ada@Example.org', password: ' Abcdef1!' }, {
      username: 'ada',
      email: 'Ada@example.org',
      password: ' Abcdef1!',
    }],
    ['login', login, { username: 'ada', password: 'x' }, { username: 'ada', password: 'x' }],
    ['login by e-mail', login, { username: 'ada@example.org', password: ' ' }, {
      username: 'ada@example.org',
      password: ' ',
    }],
    ['download', download, { repository: 'suno/bark' }, { repository: 'suno/bark', revision: 'main' }],
    ['download of a revision', download, { repository: 'suno/bark', revision: 'refs/pr/1' }, {
      repository: 'suno/bark',
      revision: 'refs/pr/1',
    }],
    ['training', training, { voiceId: ID.toUpperCase(), dataset: 'mozilla/common_voice', epochs: 10 }, {
      voiceId: ID,
      dataset: 'mozilla/common_voice',
      epochs: 10,
      batchSize: 16,
      learningRate: 0.0001,
    }],
    ['settings', settings, { language: 'de', sampleRate: 44_100 }, { language: 'de', sampleRate: 44_100 }],
    ['all settings', settings, { language: 'PT-br', sampleRate: 8_000, defaultVoice: ID, token: TOKEN }, {
      language: 'pt-BR',
      sampleRate: 8_000,
      defaultVoice: ID,
      token: TOKEN,
    }],
    ['tokenValidation', tokenValidation, { token: TOKEN }, { token: TOKEN }],
    ['search', search, { q: ' text to speech ' }, { q: 'text to speech' }],
    ['dataset', dataset, { name: 'Voices', repository: 'mozilla/common_voice', language: 'en' }, {
      name: 'Voices',
      repository: 'mozilla/common_voice',
      language: 'en',
      revision: 'main',
      split: 'train',
    }],
    ['pagination', pagination, {}, { page: 1, limit: 20 }],
    ['pages', pagination, { page: '10000', limit: '100' }, { page: 10_000, limit: 100 }],
    ['idParam', idParam, { id: ID }, { id: ID }],
  ])('V6: %s', (_name, schema, value, out) => {
    expect(tried(schema, value)).toEqual({ out })
    // PITFALLS 15: what nobody asked for is dropped.
    expect(tried(schema, { ...value as object, admin: true, role: 'root' })).toEqual({ out })
  })

  test('schemas that are objects can be put together', () => {
    const report = v.intersect([search, pagination, dateRange({ days: 31 })])
    expect(tried(report, { q: 'x', page: '2', from: '2024-01-01', to: '2024-01-31' })).toEqual({
      out: { q: 'x', page: 2, limit: 20, from: '2024-01-01', to: '2024-01-31' },
    })
    expect(wrong(report, { page: '0' })).toEqual(['q object', 'page min_value', 'from object', 'to object'])
  })

  test('the handler gets what the type says', async () => {
    const handler = validate({ body: training })((_request, { input }) => {
      expectTypeOf(input.body).toEqualTypeOf<Training>()
      return Response.json(input.body.epochs + input.body.batchSize)
    })
    const response = await send(handler, post({ voiceId: ID, dataset: 'a/b', epochs: 1 }))
    expect(await response.json()).toBe(17)

    expectTypeOf<v.InferInput<typeof training>['epochs']>().toEqualTypeOf<number>()
    expectTypeOf<v.InferInput<typeof training>['batchSize']>().toEqualTypeOf<number | undefined>()
    expectTypeOf<v.InferOutput<typeof pagination>['page']>().toEqualTypeOf<number>()
    expectTypeOf<v.InferInput<typeof pagination>['page']>().toEqualTypeOf<string | undefined>()
  })
})

describe('refuses the bad', () => {
  test.each<[name: string, schema: v.GenericSchema, value: unknown, codes: string[]]>([
    ['register', register, {}, ['username object', 'email object', 'password object']],
    ['register', register, { username: 'a', email: 'nowhere', password: 'short' }, [
      'username min_length',
      'email email',
      'password min_code_points',
      'password check',
      'password check',
      'password check',
    ]],
    ['login', login, { username: '', password: '' }, ['username min_length', 'password min_code_points']],
    ['login', login, { username: { $ne: null }, password: { $ne: null } }, ['username string', 'password string']],
    ['download', download, { repository: '../etc/passwd', revision: '-x' }, ['repository regex', 'revision regex']],
    ['download', download, { repository: 'a/b', revision: null }, ['revision string']],
    ['training', training, { voiceId: ID, dataset: 'a/b', epochs: 0 }, ['epochs min_value']],
    ['training', training, { voiceId: ID, dataset: 'a/b', epochs: 1_001 }, ['epochs max_value']],
    ['training', training, { voiceId: ID, dataset: 'a/b', epochs: '5' }, ['epochs number']],
    ['training', training, { voiceId: ID, dataset: 'a/b', epochs: 1, batchSize: 257, learningRate: 0 }, [
      'batchSize max_value',
      'learningRate min_value',
    ]],
    ['settings', settings, { language: 'german', sampleRate: 44_000, token: 'sk-x', defaultVoice: '1' }, [
      'language regex',
      'sampleRate picklist',
      'defaultVoice uuid',
      'token regex',
    ]],
    ['settings', settings, { language: 'de', sampleRate: '44100' }, ['sampleRate picklist']],
    ['tokenValidation', tokenValidation, { token: 'sk-hunter2' }, ['token regex']],
    ['search', search, { q: ' ' }, ['q min_length']],
    ['search', search, { q: 'x'.repeat(101) }, ['q max_length']],
    ['search', search, { q: ['a', 'b'] }, ['q string']],
    ['dataset', dataset, { name: '<b>', repository: 'a', language: 'en', split: 'all', samples: 0 }, [
      'name check',
      'repository regex',
      'split picklist',
      'samples min_value',
    ]],
    ['pagination', pagination, { page: '0', limit: '101' }, ['page min_value', 'limit max_value']],
    ['pagination', pagination, { page: '', limit: ['1', '2'] }, ['page regex', 'limit string']],
    ['idParam', idParam, { id: 'not-a-uuid' }, ['id uuid']],
    ...[undefined, null, 5, 'x', true].map((
      value,
    ): [string, v.GenericSchema, unknown, string[]] => ['idParam', idParam, value, ['object']]),
    ['idParam', idParam, [ID], ['id object']],
  ])('V6, V7: %s', (_name, schema, value, codes) => {
    expect(wrong(schema, value)).toEqual(codes)
  })

  test('V2, V3, V7: epochs: 0 is a 400 that names the field, with a sentence of ours', async () => {
    const handler = validate({ body: training })(() => new Response('ok'))
    const response = await send(handler, post({ voiceId: ID, dataset: 'a/b', epochs: 0 }))
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({
      code: 'input-invalid',
      errors: [
        { pointer: '#/epochs', code: 'min_value', message: 'Epochs must be a whole number from 1 to 1000.' },
      ],
    })

    const legacy = compose(errors({ format: legacyEnvelope }), validate({ body: training }))(() => new Response('ok'))
    expect(await (await send(legacy, post({ epochs: 0 }))).json()).toMatchObject({
      error: 'ValidationError',
      details: [
        { field: 'voiceId', message: 'This field is required.', code: 'object' },
        { field: 'dataset', message: 'This field is required.', code: 'object' },
        { field: 'epochs', message: 'Epochs must be a whole number from 1 to 1000.', code: 'min_value' },
      ],
    })
  })

  test('V1: no body at all is a 400 that says so', async () => {
    const handler = validate({ body: register })(() => new Response('ok'))
    expect(await (await send(handler, requestTo('/', { method: 'POST' }))).json()).toMatchObject({
      errors: [{ pointer: '#', code: 'object', message: 'A JSON object is required.' }],
    })
  })

  test('PITFALLS 15: keys that change prototypes do not get as far as a schema', async () => {
    const handler = validate({ body: login })(() => new Response('ok'))
    for (const key of ['__proto__', 'constructor']) {
      const body = `{"username":"ada","password":"x","${key}":{"admin":true}}`
      const request = requestTo('/', { method: 'POST', headers: { 'content-type': 'application/json' }, body })
      expect((await send(handler, request)).status).toBe(400)
    }
    // And nothing is taken of it where a schema is asked directly.
    const { out } = tried(login, JSON.parse('{"username":"ada","password":"x","__proto__":{"admin":true}}'))
    expect((out as Record<string, unknown>)['admin']).toBeUndefined()
  })
})
