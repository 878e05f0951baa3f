/** What may be refused, by status, and how that looks. */
import type { Description } from '../../core/description.ts'
import type { ProblemCode } from '../../core/problem.ts'
import { PROBLEMS } from '../../core/problem.ts'
import type { JsonSchema } from './json-schema.ts'

/** How problems look on the wire. */
export interface ProblemSchema {
  readonly contentType: string
  /** JSON Schema. */
  readonly schema: object
}

/** What ours refuse with, where they do not say so themselves: by their name, or by their slot in a policy. */
const KNOWN: Readonly<Record<string, readonly ProblemCode[]>> = {
  authenticate: ['unauthenticated'],
  authorize: ['forbidden'],
  bans: ['banned'],
  'body-limit': ['content-length-invalid', 'body-length-mismatch', 'body-unreadable', 'body-too-large'],
  concurrency: ['concurrency-exceeded'],
  'content-type': ['content-type-unsupported', 'content-encoding-unsupported'],
  csrf: ['origin-not-allowed'],
  errors: ['internal-error'],
  'header-limit': ['headers-too-large'],
  hosts: ['host-not-allowed'],
  'https-redirect': ['https-required'],
  idempotency: [
    'idempotency-key-missing',
    'idempotency-key-invalid',
    'idempotency-key-in-use',
    'response-not-replayable',
    'idempotency-key-reused',
    'body-too-large',
  ],
  'ip-access': ['address-not-allowed'],
  quota: ['rate-limit-exceeded'],
  'rate-limit': ['rate-limit-exceeded'],
  reserve: ['rate-limit-exceeded', 'cost-exceeds-limit'],
  shed: ['overloaded'],
  'slow-down': ['overloaded'],
  timeout: ['deadline-exceeded'],
}

/** About bodies: of no concern to a request that has none. */
const BODIES: ReadonlySet<string> = new Set(['body-limit', 'content-type'])

/** Codes by status. */
export type Problems = ReadonlyMap<number, ReadonlySet<string>>

/** What these may refuse a request with. */
export function problemsOf(says: readonly Description[], method: string, hasBody: boolean): Problems {
  const problems = new Map<number, Set<string>>()
  const add = (code: string, status: number): void => {
    problems.set(status, (problems.get(status) ?? new Set()).add(code))
  }
  for (const { name, onDegraded, says: said } of says) {
    if (onDegraded === 'refuse') add('guard-unavailable', PROBLEMS['guard-unavailable'])
    if (said?.problems !== undefined) {
      for (const [code, status] of Object.entries(said.problems)) add(code, status)
      continue
    }
    // A slot's name is that of a property.
    const known = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
    if ((BODIES.has(known) && !hasBody) || (known === 'csrf' && SAFE.has(method))) continue
    const codes = Object.hasOwn(KNOWN, known) ? KNOWN[known]! : []
    for (const code of said?.security === undefined ? codes : [...codes, 'unauthenticated' as const]) {
      add(code, PROBLEMS[code])
    }
  }
  return problems
}

const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/** RFC 9457 §3.1, and our `code`. */
export const PROBLEM: JsonSchema = {
  type: 'object',
  description: 'Problem details (RFC 9457). `code` tells problems apart.',
  required: ['type', 'title', 'status', 'detail', 'code'],
  properties: {
    type: { type: 'string', format: 'uri-reference' },
    title: { type: 'string' },
    status: { type: 'integer', minimum: 400, maximum: 599 },
    detail: { type: 'string' },
    instance: { type: 'string', format: 'uri-reference', description: 'Which request it was: its id.' },
    code: { type: 'string' },
  },
}

/** The members that `validate` adds. */
const ERRORS: JsonSchema = {
  type: 'array',
  items: {
    type: 'object',
    required: ['pointer', 'code', 'message'],
    properties: {
      in: { enum: ['path', 'query', 'header', 'cookie'], description: 'The part it is about. Absent for the body.' },
      pointer: { type: 'string', description: 'JSON Pointer in fragment form (RFC 6901).' },
      code: { type: 'string', description: 'The rule.' },
      message: { type: 'string' },
    },
  },
}

/** The body of a problem with one of these codes, given the component for all. */
export function problemSchema(codes: ReadonlySet<string>): JsonSchema {
  const code = { enum: [...codes] }
  const properties = codes.has('input-invalid') ? { code, errors: ERRORS } : { code }
  return { allOf: [{ $ref: '#/components/schemas/Problem' }, { properties }] }
}

/** Codes as sentences: they name conditions. */
export function sentences(codes: ReadonlySet<string>): string {
  return [...codes].map((code) => `${code.charAt(0).toUpperCase()}${code.slice(1).replaceAll('-', ' ')}.`).join(' ')
}
