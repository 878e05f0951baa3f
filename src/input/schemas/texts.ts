/**
 * Texts that people write and read. What is trimmed or put in order comes out so; what is refused is never repaired.
 */
import * as v from 'valibot'
import { count } from '../../core/quantity.ts'
import type { BlockOptions } from './sentences.ts'
import { lengthOf } from './sentences.ts'

/** Options of {@link text} and {@link plainText}. Lengths are JavaScript's: an emoji counts as two. */
export interface TextOptions extends BlockOptions {
  /** Least characters, after trimming. (1) */
  readonly min?: number | undefined
  /** Most characters, after trimming. */
  readonly max: number
  /** Takes line breaks and tabs. (false) */
  readonly lines?: boolean | undefined
}

// Lone surrogates are no characters: encoded, all of them become the same U+FFFD.
const CONTROL = /[\p{Cc}\p{Cs}\u2028\u2029]/u
const CONTROL_BUT_LINES = /[^\P{Cc}\t\n\r]|\p{Cs}/u

/**
 * Text, trimmed. Refuses NUL and all other control characters (C0, C1), lone surrogates and, without `lines`, line
 * breaks and tabs; `sanitize` before it removes the first. Markup stays as it is: encode it where it is shown.
 *
 * Source: Unicode, general categories Cc and Cs; ASVS 5 2.2.1.
 *
 * @example
 * v.object({ title: text({ max: 100, name: 'The title' }) })
 */
/* @__NO_SIDE_EFFECTS__ */
export function text(options: TextOptions): v.GenericSchema<string> {
  const { min = 1, max, lines = false, name = 'The value' } = options
  const length = lengthOf(name, min, max)
  const control = lines ? CONTROL_BUT_LINES : CONTROL
  return v.pipe(
    v.string(`${name} must be text.`),
    v.trim(),
    v.minLength(count(min, 'text: min', 0), length),
    v.maxLength(count(max, 'text: max', Math.max(1, min)), length),
    v.check(
      (value) => !control.test(value),
      `${name} may not have control characters${lines ? '' : ' or line breaks'}.`,
    ),
  )
}

/**
 * {@link text} that has no business with HTML, e.g. a title: refuses what a browser would take for the start of a tag,
 * a comment or a declaration (`<b`, `</`, `<!`, `<?`). "a < b" and "<3" pass.
 *
 * It refuses, and does not strip: stripping changes what people meant and can be made to leave a tag behind. Nor does
 * it make text safe to put into HTML as it is: encode it there.
 *
 * Source: HTML, 13.2.5.6 Tag open state.
 */
/* @__NO_SIDE_EFFECTS__ */
export function plainText(options: TextOptions): v.GenericSchema<string> {
  const { name = 'The value' } = options
  return v.pipe(
    text(options),
    v.check((value) => !/<[a-z/!?]/i.test(value), `${name} may not have HTML in it.`),
  )
}

/** Options of {@link username}. */
export interface UsernameOptions extends BlockOptions {
  /** Least characters. (3) */
  readonly min?: number | undefined
  /** Most characters. (32) */
  readonly max?: number | undefined
}

/**
 * A name to sign in with: ASCII letters, digits, hyphens and underscores, so that no two look alike but for their case,
 * which stays. Compare without case.
 */
/* @__NO_SIDE_EFFECTS__ */
export function username(options: UsernameOptions = {}): v.GenericSchema<string> {
  const { min = 3, max = 32, name = 'The username' } = options
  return v.pipe(
    text({ min, max, name }),
    v.regex(/^[\w-]*$/, `${name} may have letters, digits, hyphens and underscores.`),
  )
}

/** Options of {@link slug}. */
export interface SlugOptions extends BlockOptions {
  /** Most characters. (64) */
  readonly max?: number | undefined
}

/** A name for paths: lower-case ASCII letters and digits, in groups that single hyphens or underscores join. */
/* @__NO_SIDE_EFFECTS__ */
export function slug(options: SlugOptions = {}): v.GenericSchema<string> {
  const { max = 64, name = 'The name' } = options
  return v.pipe(
    text({ max, name }),
    v.slug(`${name} may have lower-case letters and digits, joined by single hyphens or underscores.`),
  )
}

const LANGUAGE = /^[A-Za-z]{2,3}(?:-[A-Za-z]{4})?(?:-(?:[A-Za-z]{2}|\d{3}))?(?:-(?:[A-Za-z\d]{5,8}|\d[A-Za-z\d]{3}))?$/

/**
 * A language, e.g. `en`, `pt-BR`, `zh-Hant-TW`, `de-CH-1996`: a tag with a script, a region and one variant at most, at
 * whatever case, put into the canonical form. Refuses extensions and private use. Whether there is such a language it
 * does not look up.
 *
 * Source: RFC 5646 §2.1, §4.5; ECMA-402 6.2.3.
 */
/* @__NO_SIDE_EFFECTS__ */
export function languageTag(options: BlockOptions = {}): v.GenericSchema<string> {
  const { name = 'The language' } = options
  const message = `${name} must be a language tag, such as en or pt-BR.`
  return v.pipe(
    v.string(message),
    v.trim(),
    v.regex(LANGUAGE, message),
    v.transform((tag) => Intl.getCanonicalLocales(tag)[0] ?? tag),
  )
}

/** Options of {@link tagList}. */
export interface TagListOptions extends BlockOptions {
  /** Least tags. (0) */
  readonly min?: number | undefined
  /** Most tags. (20) */
  readonly count?: number | undefined
  /** Most characters of one tag, after trimming. (50) */
  readonly max?: number | undefined
}

/**
 * A list of tags: each trimmed, and said once, whatever its case (the first stays). Refuses empty tags, control
 * characters, angle brackets, and commas, because lists of tags are joined by them.
 */
/* @__NO_SIDE_EFFECTS__ */
export function tagList(options: TagListOptions = {}): v.GenericSchema<string[]> {
  const { min = 0, count: most = 20, max = 50, name = 'The tags' } = options
  const items = `${name} must be a list of ${min} to ${most}.`
  const length = `${name} must have 1 to ${max} characters each.`
  const characters = `${name} may not have commas, angle brackets or control characters.`
  const tag = v.pipe(
    v.string(`${name} must be texts.`),
    v.trim(),
    v.minLength(1, length),
    v.maxLength(count(max, 'tagList: max'), length),
    v.regex(/^[^<>,]*$/, characters),
    v.check((value) => !CONTROL.test(value), characters),
  )
  return v.pipe(
    v.array(tag, items),
    v.minLength(count(min, 'tagList: min', 0), items),
    v.maxLength(count(most, 'tagList: count', Math.max(1, min)), items),
    v.transform((tags) => {
      const firsts = new Map<string, string>()
      for (const one of tags) {
        const key = one.normalize().toLowerCase()
        if (!firsts.has(key)) firsts.set(key, one)
      }
      return [...firsts.values()]
    }),
  )
}
