/** Schemas as an OpenAPI document has them: JSON Schema 2020-12, with what they define moved to the document's components. */

/** JSON Schema as an object. */
export type JsonSchema = Readonly<Record<string, unknown>>

/** What comes in is another than what a schema makes of it: defaults are filled in, texts become numbers. */
export type Direction = 'input' | 'output'

/** Makes JSON Schema of a schema. `never`: any library's own takes it. */
export type SchemaConverter = (schema: never, direction: Direction) => object

/** Standard JSON Schema (https://standardschema.dev/json-schema): zod and arktype implement it. */
interface Telling {
  readonly '~standard'?: {
    readonly vendor: string
    readonly jsonSchema?: Readonly<Record<Direction, (options: { readonly target: string }) => unknown>>
  }
}

/** The library of a schema that cannot say its JSON Schema; `undefined` if it can, or is none. */
export function mute(schema: unknown): string | undefined {
  const standard = (schema as Telling | null | undefined)?.['~standard']
  return standard === undefined || standard.jsonSchema !== undefined ? undefined : standard.vendor
}

/** JSON Schema of a schema, as its library makes it. What no JSON Schema can say is one that takes everything. */
export function jsonSchemaOf(schema: unknown, direction: Direction, convert?: SchemaConverter): JsonSchema {
  const standard = (schema as Telling)['~standard']
  const ways = standard === undefined
    ? [() => schema]
    : [() => standard.jsonSchema?.[direction]({ target: 'draft-2020-12' }), () => convert?.(schema as never, direction)]
  for (const way of ways) {
    try {
      // Through text: plain JSON is left, and none of the library's own objects.
      const json = JSON.parse(JSON.stringify(way())) as unknown
      if (isObject(json)) return json
    } catch {
      // Such as a date, or a transformation's output. The next way may know more.
    }
  }
  return { description: 'JSON Schema cannot say what this is.' }
}

/** What one schema says of the fields of an object. */
export interface Field {
  readonly schema: JsonSchema
  readonly required: boolean
}

/** The fields of an object's schema, through references and combinations. */
export function fieldsOf(schema: unknown, root: JsonSchema, depth = 0): Map<string, Field> {
  const fields = new Map<string, Field>()
  if (!isObject(schema) || depth > 8) return fields
  const { $ref, properties, required, allOf } = schema
  if (typeof $ref === 'string') return fieldsOf(pointed($ref, root), root, depth + 1)
  const merge = (more: ReadonlyMap<string, Field>): void => {
    for (const [name, field] of more) {
      fields.set(name, { ...field, required: field.required || fields.get(name)?.required === true })
    }
  }
  if (isObject(properties)) {
    const names = new Set(Array.isArray(required) ? required : [])
    for (const [name, one] of Object.entries(properties)) {
      fields.set(name, { schema: isObject(one) ? one : {}, required: names.has(name) })
    }
  }
  for (const part of list(allOf)) merge(fieldsOf(part, root, depth + 1))
  for (const choice of [schema['anyOf'], schema['oneOf']]) {
    const alternatives = list(choice).map((one) => fieldsOf(one, root, depth + 1))
    for (const alternative of alternatives) {
      merge(
        new Map([...alternative].map(([name, field]) => {
          return [name, { ...field, required: alternatives.every((one) => one.get(name)?.required === true) }]
        })),
      )
    }
  }
  return fields
}

/** Keywords whose value is data, not a schema. */
const DATA: ReadonlySet<string> = new Set(['const', 'default', 'enum', 'example', 'examples', 'required'])
/** Keywords whose value is schemas by name. */
const NAMED: ReadonlySet<string> = new Set(['dependentSchemas', 'patternProperties', 'properties'])
/** Of a document of its own: in another it would lead elsewhere, or is moved. */
const DROPPED: ReadonlySet<string> = new Set(['$schema', '$id', '$defs', 'definitions'])

/** The `components.schemas` of one document. */
export class SchemaComponents {
  readonly schemas: Record<string, JsonSchema> = {}
  /** Names, by all that a definition says. */
  readonly #names = new Map<string, string>()

  /** A schema, or a part of one, with its references led to the components. */
  placed(schema: unknown, root: JsonSchema): unknown {
    if (Array.isArray(schema)) return schema.map((one) => this.placed(one, root))
    if (!isObject(schema)) return schema
    const out: Record<string, unknown> = {}
    for (const [key, value] of Object.entries(schema)) {
      if (DROPPED.has(key)) continue
      if (key === '$ref' && typeof value === 'string') out[key] = this.#led(value, root)
      else if (NAMED.has(key) && isObject(value)) {
        out[key] = Object.fromEntries(Object.entries(value).map(([name, one]) => [name, this.placed(one, root)]))
      } else out[key] = DATA.has(key) ? value : this.placed(value, root)
    }
    return out
  }

  #led(ref: string, root: JsonSchema): string {
    const match = REF.exec(ref)
    if (match === null) return ref
    const [, pointer = '', rest = ''] = match
    const target = pointed(`#${pointer}`, root)
    if (!isObject(target)) return ref
    const key = JSON.stringify(reachable(`#${pointer}`, root))
    let name = this.#names.get(key)
    if (name === undefined) {
      name = this.#nameFor(pointer === '' ? root['title'] : unescaped(pointer.slice(pointer.lastIndexOf('/') + 1)))
      // Before what it refers to, which may be itself.
      this.#names.set(key, name)
      this.schemas[name] = {}
      this.schemas[name] = this.placed(target, root) as JsonSchema
    }
    return `#/components/schemas/${name}${rest}`
  }

  #nameFor(wanted: unknown): string {
    const said = typeof wanted === 'string' ? wanted.replace(/[^\w.-]+/g, '_') : ''
    // Libraries number what has no name.
    const name = /^(?:__schema)?\d*$/.test(said) ? 'Schema' : said
    return free(name, this.schemas)
  }
}

/** `name`, or with a number behind it if it is taken. */
export function free(name: string, taken: object, mark = ''): string {
  let one = name
  for (let i = 2; Object.hasOwn(taken, one); i++) one = `${name}${mark}${i}`
  return one
}

/** A reference within its document: to a definition, or to the whole, and on from there. */
const REF = /^#(\/(?:\$defs|definitions)\/[^/]+)?((?:\/.*)?)$/

/** A definition and all that it refers to, so that two that say the same are one. */
function reachable(ref: string, root: JsonSchema, found: Record<string, unknown> = {}): object {
  if (Object.hasOwn(found, ref)) return found
  found[ref] = pointed(ref, root)
  for (const [, inner] of (JSON.stringify(found[ref]) ?? '').matchAll(/"\$ref":"(#[^"]*)"/g)) {
    reachable(inner!, root, found)
  }
  return found
}

/** What a JSON Pointer in fragment form (RFC 6901 §6) points to. */
function pointed(ref: string, root: unknown): unknown {
  if (ref !== '#' && !ref.startsWith('#/')) return undefined
  let value = root
  for (const step of ref.split('/').slice(1)) {
    const key = unescaped(step)
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
    value = (value as Record<string, unknown>)[key]
  }
  return value
}

function unescaped(step: string): string {
  let decoded = step
  try {
    decoded = decodeURIComponent(step)
  } catch {
    // A name with a bare `%`.
  }
  return decoded.replaceAll('~1', '/').replaceAll('~0', '~')
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function isObject(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
