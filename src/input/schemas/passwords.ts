/**
 * Passwords: chosen ones, which have rules, and given ones, which have none. Neither is trimmed, cut or put into
 * another form, and neither is compared with a list of known ones: do that where it is hashed.
 */
import * as v from 'valibot'
import { count, show } from '../../core/quantity.ts'
import type { BlockOptions } from './sentences.ts'
import { lengthOf } from './sentences.ts'

/**
 * How strong: `'long'` is 15 characters of any kind. The others are shorter and need a lower-case and an upper-case
 * letter, a digit and a symbol, of any script: `'mixed'` 8 characters, `'strict'` 12.
 */
export type PasswordStrength = 'long' | 'mixed' | 'strict'

/** Options of {@link password}. */
export interface PasswordOptions extends BlockOptions {
  /** What it needs. (`'long'`) */
  readonly strength?: PasswordStrength | undefined
  /** Most bytes in UTF-8: 72 for bcrypt, which reads no further. (512, which no 128 characters exceed) */
  readonly bytes?: number | undefined
}

const MOST = 128
const LEAST: Readonly<Record<PasswordStrength, number>> = { long: 15, mixed: 8, strict: 12 }
const KINDS = 'with a lower-case letter, an upper-case letter, a digit and a symbol'

/**
 * A new password: at most 128 characters (code points). Refuses control characters and lone surrogates, at which some
 * hashers stop, or which they take for one another.
 *
 * `'long'` is what NIST and OWASP ask for; they ask not to require kinds of characters. The others are for who must.
 *
 * Source: NIST SP 800-63B-4 §3.1.1.2; ASVS 5 6.2.1, 6.2.5, 6.2.8, 6.2.9.
 *
 * @example
 * v.object({ password: password({ strength: 'strict', bytes: 72 }) })
 */
/* @__NO_SIDE_EFFECTS__ */
export function password(options: PasswordOptions = {}): v.GenericSchema<string> {
  const { strength = 'long', bytes = 512, name = 'The password' } = options
  if (!Object.hasOwn(LEAST, strength)) {
    throw new TypeError(`password: strength must be 'long', 'mixed' or 'strict', got ${show(strength)}`)
  }
  const least = LEAST[strength]
  const any = strength === 'long'
  const length = lengthOf(name, least, MOST)
  const whole = v.pipe(
    v.string(`${name} must be text.`),
    v.minCodePoints(least, length),
    v.maxCodePoints(MOST, length),
    v.maxBytes(count(bytes, 'password: bytes', least), `${name} must have at most ${bytes} bytes.`),
    v.check((value) => !/[\p{Cc}\p{Cs}]/u.test(value), `${name} may not have control characters.`),
    v.metadata({
      format: 'password',
      minLength: least,
      maxLength: MOST,
      description: `A new password of ${least} to ${MOST} characters${any ? '' : `, ${KINDS}`}.`,
    }),
  )
  return any ? whole : v.pipe(
    whole,
    v.check((value) => /\p{Ll}/u.test(value), `${name} needs a lower-case letter.`),
    v.check((value) => /\p{Lu}/u.test(value), `${name} needs an upper-case letter.`),
    v.check((value) => /\p{Nd}/u.test(value), `${name} needs a digit.`),
    v.check((value) => /[^\p{L}\p{M}\p{N}]/u.test(value), `${name} needs a symbol.`),
  )
}

/**
 * A password that is to be compared, not chosen: anything of 1 to 128 characters. The rules for new ones would tell an
 * attacker which guesses to leave out, and lock out who chose theirs before.
 */
/* @__NO_SIDE_EFFECTS__ */
export function currentPassword(options: BlockOptions = {}): v.GenericSchema<string> {
  const { name = 'The password' } = options
  const length = lengthOf(name, 1, MOST)
  return v.pipe(
    v.string(`${name} must be text.`),
    v.minCodePoints(1, length),
    v.maxCodePoints(MOST, length),
    v.metadata({ format: 'password', minLength: 1, maxLength: MOST }),
  )
}
