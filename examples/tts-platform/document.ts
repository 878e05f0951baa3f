/** The service's OpenAPI document, read from its own routes and its policy. */
import { toJsonSchema } from '@valibot/to-json-schema'
import { type AnyWrapper, type Edge, type Handler, openapi } from '../../src/index.ts'
import type { Caller } from './identity.ts'
import type { Routes } from './router.ts'

/** What `legacyEnvelope` sends. */
const ENVELOPE = {
  type: 'object',
  required: ['success', 'error', 'message', 'statusCode', 'timestamp'],
  properties: {
    success: { const: false },
    error: { type: 'string' },
    message: { type: 'string' },
    statusCode: { type: 'integer' },
    timestamp: { type: 'string', format: 'date-time' },
    requestId: { type: 'string' },
    retryAfter: { type: 'integer', description: 'Seconds.' },
    details: {
      type: 'array',
      items: {
        type: 'object',
        properties: { field: { type: 'string' }, message: { type: 'string' }, code: { type: 'string' } },
      },
    },
  },
}

export function documentOf(routes: Routes<Edge & Caller>, policy: AnyWrapper): Handler {
  return openapi({
    info: { title: 'tts-platform', version: '1.0.0', description: 'Text to speech, and training of voices.' },
    routes,
    policy,
    jsonSchema: (schema, typeMode) => toJsonSchema(schema, { typeMode, target: 'draft-2020-12', errorMode: 'ignore' }),
    problems: { contentType: 'application/json', schema: ENVELOPE },
    operations: {
      'POST /api/training': { summary: 'Starts a training', tags: ['training'] },
      'POST /api/datasets': { summary: 'Uploads recordings: `samples`, up to 20 files', tags: ['training'] },
    },
  })
}
