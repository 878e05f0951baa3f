/** The ServerResponse of our own server: writes the head of its request's context with the response's. */
import type { IncomingMessage, OutgoingHttpHeader, OutgoingHttpHeaders } from 'node:http'
import { ServerResponse } from 'node:http'
import type { Context } from '../../src/core/context.ts'
import type { Outgoing } from '../shared/node-head.ts'
import { brokenHead, count, headFor, isFallback, settle, watch } from '../shared/node-head.ts'

type Fields = OutgoingHttpHeaders | OutgoingHttpHeader[]

/** A response that has a context. All public API of `node:http`: `createServer({ ServerResponse: HeadedResponse })`. */
export class HeadedResponse extends ServerResponse<IncomingMessage> {
  '~context': Context | undefined = undefined
  '~bytes' = 0
  '~watched' = false
  #expected = 0
  #body: string | undefined = undefined

  /** Notes which status the handler's response has, to tell it from what `@hono/node-server` sends in its place. */
  expect(response: Response): Response {
    this.#expected = response.status
    return response
  }

  override writeHead(status: number, reason?: string | Fields, fields?: Fields): this {
    const context = this['~context']
    const own = typeof reason === 'string' ? fields : reason
    if (context === undefined) {
      return typeof reason === 'string' ? super.writeHead(status, reason, own) : super.writeHead(status, own)
    }
    const outgoing = this as unknown as Outgoing
    if (isFallback(status, own) && this.#expected !== 0 && this.#expected !== 500) {
      return this.#writeBroken(context, undefined)
    }
    try {
      const whole = headFor(outgoing, context, status, own)
      return typeof reason === 'string' ? super.writeHead(status, reason, whole) : super.writeHead(status, whole)
    } catch (error) {
      if (this.headersSent) throw error
      return this.#writeBroken(context, error)
    }
  }

  #writeBroken(context: Context, error: unknown): this {
    const { status, fields, body } = brokenHead(this as unknown as Outgoing, context, error)
    this.#body = body
    return super.writeHead(status, fields)
  }

  override write(chunk: unknown, encoding?: unknown, callback?: unknown): boolean {
    if (this.#body !== undefined) return true
    watch(this as unknown as Outgoing)
    count(this as unknown as Outgoing, chunk, encoding)
    return super.write(chunk, encoding as BufferEncoding, callback as () => void)
  }

  override end(chunk?: unknown, encoding?: unknown, callback?: unknown): this {
    const body = this.#body ?? chunk
    count(this as unknown as Outgoing, body, encoding)
    super.end(body, encoding as BufferEncoding, callback as () => void)
    settle(this as unknown as Outgoing)
    return this
  }

  override flushHeaders(): void {
    watch(this as unknown as Outgoing)
    super.flushHeaders()
  }
}
