import type { BodyCodec } from './codec.ts'
import { pairs } from './parts.ts'
import { STRUCTURE } from './structure.ts'

/**
 * Reads `application/x-www-form-urlencoded` for `validate`: texts by name, a list where a name comes twice or is among
 * `lists`. Everything is text: coerce it in the schema.
 *
 * A browser sends such a form for any site without asking (no preflight): where it signs in by cookie, have `csrf` on.
 *
 * @example
 * validate({ body: contact }, { codecs: [formBody()] })
 */
export function formBody(): BodyCodec {
  return {
    types: ['application/x-www-form-urlencoded'],
    decode: (body) => body.text().then((text) => pairs(text, body.lists, body.structure.keys ?? STRUCTURE.keys)),
  }
}
