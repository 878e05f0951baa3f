/** One operation of the document: what a route takes, gives and refuses. */
import type { Description, SaidLimit, Says } from '../../core/description.ts'
import { milliseconds } from '../../core/quantity.ts'
import type { Direction, JsonSchema, SchemaConverter } from './json-schema.ts'
import { fieldsOf, free, jsonSchemaOf, SchemaComponents } from './json-schema.ts'
import type { Problems, ProblemSchema } from './problems.ts'
import { PROBLEM, problemSchema, problemsOf, sentences } from './problems.ts'
import type { Route } from './route.ts'

/** What people are told about an operation, beside what its wrappers say. */
export interface OperationNotes {
  readonly summary?: string | undefined
  /** Markdown. */
  readonly description?: string | undefined
  readonly tags?: readonly string[] | undefined
  readonly deprecated?: boolean | undefined
  /** Unique. (from method and path) */
  readonly operationId?: string | undefined
  /** What the responses are, by status. (`'Success.'`) */
  readonly responses?: Readonly<Record<number, string>> | undefined
}

const IN = { params: 'path', query: 'query', headers: 'header', cookies: 'cookie' } as const

/** OpenAPI has other places for these (§4.8.12.1). */
const ELSEWHERE: ReadonlySet<string> = new Set(['accept', 'authorization', 'content-type'])

/** Whose answers have the `RateLimit` fields. */
const LIMITERS: ReadonlySet<string> = new Set(['rate-limit', 'reserve', 'concurrency'])

/** Makes operations, and gathers what they share. */
export class Operations {
  readonly #problems: ProblemSchema | undefined
  readonly #convert: SchemaConverter | undefined
  readonly #schemas = new SchemaComponents()
  readonly #responses: Record<string, object> = {}
  /** Names of responses, by status and all that they say. */
  readonly #names = new Map<string, string>()
  readonly #headers: Record<string, object> = {}
  readonly #security: Record<string, object> = {}
  readonly #ids: Record<string, true> = {}

  constructor(convert: SchemaConverter | undefined, problems: ProblemSchema | undefined) {
    this.#convert = convert
    this.#problems = problems
    this.#schemas.schemas['Problem'] = problems === undefined ? PROBLEM : { ...problems.schema }
  }

  /** The document's `components`. */
  get components(): Record<string, Record<string, object>> {
    const all = {
      schemas: this.#schemas.schemas,
      responses: this.#responses,
      headers: this.#headers,
      securitySchemes: this.#security,
    }
    return Object.fromEntries(Object.entries(all).filter(([, one]) => Object.keys(one).length > 0))
  }

  /** What `says` means to the clients of a route. */
  operation(route: Route, descriptions: readonly Description[], notes: OperationNotes): object {
    const { responses = {}, operationId, description, ...others } = notes
    const says = descriptions.map((one) => one.says ?? {})
    const limits = says.flatMap((one) => one.limits ?? [])
    const parameters = this.#parameters(route, says)
    const content = this.#body(says)
    const hasBody = content !== undefined || ['POST', 'PUT', 'PATCH'].includes(route.method)
    const problems = problemsOf(descriptions, route.method, hasBody)
    const limited = descriptions.some(({ name }) => LIMITERS.has(name))
    const security = this.#securityOf(says, problems)
    const answers = this.#answers(says, problems, responses, limited)
    return {
      operationId: this.#id(operationId ?? idOf(route)),
      ...others,
      description: [description, limits.map(limitSentence).join(' ')].filter(Boolean).join('\n\n') || undefined,
      parameters: parameters.length === 0 ? undefined : parameters,
      requestBody: content && { required: true, content },
      responses: { ...answers, ...this.#refusals(problems, answers, limited) },
      security: security.length === 0 ? undefined : security,
      'x-rate-limits': limits.length === 0 ? undefined : limits.map(limitObject),
    }
  }

  #parameters({ params }: Route, says: readonly Says[]): object[] {
    const found = new Map<string, object>()
    const add = (place: string, name: string, required: boolean, schema: unknown): void => {
      const { description } = schema as JsonSchema
      found.set(`${place} ${name}`, { name, in: place, required, description, schema })
    }
    for (const name of params) add('path', name, true, { type: 'string' })
    for (const { input, headers = {} } of says) {
      for (const [name, required] of Object.entries(headers)) add('header', name, required, { type: 'string' })
      for (const [part, place] of Object.entries(IN)) {
        if (input?.[part] === undefined) continue
        const root = jsonSchemaOf(input[part], 'input', this.#convert)
        for (const [name, { schema, required }] of fieldsOf(root, root)) {
          if (place === 'path' ? !params.includes(name) : place === 'header' && ELSEWHERE.has(name)) continue
          add(place, name, place === 'path' || required, this.#schemas.placed(schema, root))
        }
      }
    }
    return [...found.values()]
  }

  /** By media type; of two that want the same, the inner one's. Who names types and no input has a body without a schema. */
  #body(says: readonly Says[]): Record<string, object> | undefined {
    const content: Record<string, object> = {}
    for (const { input, bodyTypes = ['application/json'] } of says) {
      if (input?.['body'] === undefined) continue
      const schema = this.#schema(input['body'], 'input')
      for (const type of bodyTypes) content[type] = { schema }
    }
    for (const { input, bodyTypes = [] } of says) {
      if (input === undefined) { for (const type of bodyTypes) content[type] ??= {} }
    }
    return Object.keys(content).length === 0 ? undefined : content
  }

  #schema(schema: unknown, direction: Direction): unknown {
    const root = jsonSchemaOf(schema, direction, this.#convert)
    return this.#schemas.placed(root, root)
  }

  /** What is said of responses, by schema or in the notes, and a 200 where nothing is. */
  #answers(says: readonly Says[], problems: Problems, notes: Notes, limited: boolean): Record<string, object> {
    const content: Record<string, object | undefined> = {}
    for (const [status, schema] of says.flatMap(({ responses = {} }) => Object.entries(responses))) {
      content[status] = schema === undefined
        ? undefined
        : { 'application/json': { schema: this.#schema(schema, 'output') } }
    }
    // Where the notes say which 2xx there are, the schema for all is theirs.
    for (const status of Object.keys(notes)) content[status] ??= is2xx(status) ? content['2XX'] : undefined
    if (Object.keys(notes).some(is2xx)) delete content['2XX']
    const statuses = Object.keys(content)
    if (!statuses.some(isWell)) statuses.push('200')
    return Object.fromEntries(statuses.map((status) => {
      const codes = problems.get(Number(status))
      const refused = codes && this.#problem(codes)
      return [status, {
        description: notes[Number(status)] ?? (codes ? sentences(codes) : isWell(status) ? 'Success.' : 'Failure.'),
        headers: this.#fields(status, limited),
        content: (refused || content[status]) && { ...refused, ...content[status] },
      }]
    }))
  }

  /** The other problems. Operations that refuse alike share the response. */
  #refusals(problems: Problems, answers: object, limited: boolean): Record<string, object> {
    const shared: Record<string, object> = {}
    for (const [status, codes] of problems) {
      if (status in answers) continue
      const response = {
        description: sentences(codes),
        headers: this.#fields(String(status), limited),
        content: this.#problem(codes),
      }
      const said = JSON.stringify([status, response])
      let name = this.#names.get(said)
      if (name === undefined) {
        name = free(`Problem${status}`, this.#responses, '_')
        this.#names.set(said, name)
        this.#responses[name] = response
      }
      shared[status] = { $ref: `#/components/responses/${name}` }
    }
    return shared
  }

  #problem(codes: ReadonlySet<string>): Record<string, object> {
    return this.#problems === undefined
      ? { 'application/problem+json': { schema: problemSchema(codes) } }
      : { [this.#problems.contentType]: { schema: { $ref: '#/components/schemas/Problem' } } }
  }

  /** The header fields of a response. */
  #fields(status: string, limited: boolean): Record<string, object> | undefined {
    const names = [
      ...status === '429' || status === '503' ? ['Retry-After'] : [],
      ...limited && (status === '429' || is2xx(status)) ? ['RateLimit', 'RateLimit-Policy'] : [],
    ]
    for (const name of names) this.#headers[name] = FIELDS[name]!
    if (names.length === 0) return undefined
    return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]))
  }

  #securityOf(says: readonly Says[], problems: Problems): object[] {
    const schemes: Record<string, object> = {}
    for (const { security } of says) Object.assign(schemes, security)
    Object.assign(this.#security, schemes)
    const ways: object[] = Object.keys(schemes).map((name) => ({ [name]: [] }))
    return ways.length > 0 && !problems.has(401) ? [...ways, {}] : ways
  }

  #id(wanted: string): string {
    const id = free(wanted, this.#ids)
    this.#ids[id] = true
    return id
  }
}

type Notes = NonNullable<OperationNotes['responses']>

function is2xx(status: string): boolean {
  return status.startsWith('2')
}

function isWell(status: string): boolean {
  return status < '4'
}

const FIELDS: Readonly<Record<string, object>> = {
  'Retry-After': { description: 'Seconds after which to try again.', schema: { type: 'integer', minimum: 0 } },
  RateLimit: {
    description: 'Where the client stands: of each limit `r`, what is left, and `t`, the seconds until there is more.',
    schema: { type: 'string' },
  },
  'RateLimit-Policy': {
    description: 'The limits: of each `q`, its quota, and `w`, its window in seconds.',
    schema: { type: 'string' },
  },
}

/** `GET /notes/{id}` is `getNotesById`. */
function idOf({ method, path }: Route): string {
  const words = path.split('/').map((step) => step.startsWith('{') ? `by-${step}` : step).join('-')
  return method.toLowerCase() +
    words.split(/[^A-Za-z\d]+/).map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('')
}

function limitObject({ name, limit, window, unit }: SaidLimit): object {
  return { name, limit, window: window && milliseconds(window, 'limit: window') / 1_000, unit }
}

const UNITS = [[86_400_000, 'day'], [3_600_000, 'hour'], [60_000, 'minute'], [1_000, 'second']] as const

/** `At most 5 per hour.` */
function limitSentence({ limit, window, unit }: SaidLimit): string {
  const most = `At most ${limit.toLocaleString('en')}${unit === undefined || unit === 'requests' ? '' : ` ${unit}`}`
  if (window === undefined) return `${most} at the same time.`
  const length = milliseconds(window, 'limit: window')
  const [one, word] = UNITS.find(([ms]) => length % ms === 0) ?? UNITS[3]
  return length === one ? `${most} per ${word}.` : `${most} per ${length / one} ${word}s.`
}
