/** Query and path parameters, held against a schema. */
import * as v from 'valibot'
import { Problem } from '../../src/index.ts'

/** What the schema makes of a value; a 400 that names the field and the rule, and no value, if it refuses. */
export function checked<S extends v.GenericSchema>(schema: S, value: unknown): v.InferOutput<S> {
  const result = v.safeParse(schema, value)
  if (result.success) return result.output
  const errors = result.issues.map(({ path, type, message }) => ({
    pointer: `#/${path?.map(({ key }) => String(key)).join('/') ?? ''}`,
    code: type,
    message,
  }))
  throw new Problem(400, 'input-invalid', { members: { errors } })
}

/** The query's parameters. One that is given twice is a list, which a schema for one value refuses. */
export function queryOf<S extends v.GenericSchema>(request: Request, schema: S): v.InferOutput<S> {
  const { searchParams } = new URL(request.url)
  const query: Record<string, string | string[]> = Object.create(null)
  for (const name of new Set(searchParams.keys())) {
    const values = searchParams.getAll(name)
    query[name] = values.length === 1 ? values[0]! : values
  }
  return checked(schema, query)
}
