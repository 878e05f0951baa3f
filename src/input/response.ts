/** What goes out, held against a schema: JSON of a bounded size. What it finds goes to the log as places and rules only. */
import type { Bytes } from '../core/body.ts'
import { decodeUtf8, joined } from '../core/body.ts'
import type { Context } from '../core/context.ts'
import { record } from '../core/event.ts'
import type { MaybePromise, Wrapper } from '../core/handler.ts'
import { isPromise } from '../core/handler.ts'
import { problem, PROBLEMS, refuse } from '../core/problem.ts'
import { inputErrors, places } from './issues.ts'
import type { SchemaResult, StandardSchema } from './standard-schema.ts'
import { isSchema } from './standard-schema.ts'

/** One schema for every 2xx, or one per status. */
export type ResponseSchemas = StandardSchema | Readonly<Record<number, StandardSchema>>

/** `'refuse'` sends a 500 in place of an invalid response, `'report'` sends it and records it. */
export type OnInvalidResponse = 'refuse' | 'report'

/** Holds what the handler sends to its promise. */
export function promising(schemas: ResponseSchemas, onInvalid: OnInvalidResponse, most: number): Wrapper {
  const schemaFor = (status: number): StandardSchema | undefined =>
    isSchema(schemas) ? (status >= 200 && status < 300 ? schemas : undefined) : schemas[status]

  const checked = async (response: Response, schema: StandardSchema, context: Context): Promise<Response> => {
    const { whole, bytes } = await readUpTo(response, most)
    const found = bytes === undefined ? '# too-large' : await faultsIn(bytes, whole, schema)
    if (found === undefined) return whole
    const kind = onInvalid === 'refuse' ? 'refused' : 'would-refuse'
    context.attributes['response.errors'] = found
    record(context, { kind, guard: 'validate', code: 'response-invalid', status: PROBLEMS['response-invalid'] })
    if (onInvalid === 'report') return whole
    void whole.body?.cancel().catch(() => {})
    return refuse(context, problem('response-invalid'))
  }

  return (next) => (request, context) => {
    const check = (response: Response): MaybePromise<Response> => {
      const schema = request.method === 'HEAD' ? undefined : schemaFor(response.status)
      return schema === undefined ? response : checked(response, schema, context)
    }
    const response = next(request, context)
    return isPromise(response) ? response.then(check) : check(response)
  }
}

async function faultsIn(bytes: Bytes, { headers }: Response, schema: StandardSchema): Promise<string | undefined> {
  let value: unknown
  if (bytes.byteLength > 0) {
    if (!/^application\/(?:.+\+)?json\s*(?:;|$)/i.test(headers.get('content-type') ?? '')) return '# not-json'
    try {
      value = JSON.parse(decodeUtf8(bytes)) as unknown
    } catch {
      return '# not-json'
    }
  }
  const result: SchemaResult<unknown> = await schema['~standard'].validate(value)
  return result.issues === undefined ? undefined : places(inputErrors(result.issues, value))
}

/** The body's bytes if they are few enough, and a response that still sends all of them. */
async function readUpTo(response: Response, most: number): Promise<{ whole: Response; bytes?: Bytes }> {
  if (response.body === null) return { whole: response, bytes: new Uint8Array() }
  const { status, statusText, headers } = response
  const reader = response.body.getReader()
  const chunks: Uint8Array[] = []
  let length = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    chunks.push(value)
    if ((length += value.byteLength) <= most) continue
    return { whole: new Response(onward(chunks, reader), { status, statusText, headers }) }
  }
  const bytes = joined(chunks, length)
  return { whole: new Response(bytes, { status, statusText, headers }), bytes }
}

/** What has been read, then what has not. */
function onward(read: Uint8Array[], reader: ReadableStreamDefaultReader<Uint8Array>): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async pull(controller) {
      const next = read.length > 0 ? { done: false, value: read.shift()! } : await reader.read()
      if (next.done) controller.close()
      else controller.enqueue(next.value!)
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 })
}
