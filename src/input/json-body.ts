import { fail } from '../core/body.ts'
import type { BodyCodec } from './codec.ts'
import { hasMoreKeys } from './structure.ts'

/** JSON. */
export function jsonBody(): BodyCodec {
  return {
    types: ['application/json'],
    decode: (body) =>
      body.text().then((text) => {
        if (text === '') return undefined
        if (hasMoreKeys(text, body.structure)) fail('input-too-complex')
        try {
          return JSON.parse(text) as unknown
        } catch {
          return fail('body-malformed')
        }
      }),
  }
}
