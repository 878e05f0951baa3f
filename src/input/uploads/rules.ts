/** The rules for a form's files, made ready: checked once, and each refusal written once, with names of the author's only. */
import { mediaType } from '../../core/fields.ts'
import type { ProblemCode, ProblemInit } from '../../core/problem.ts'
import { problem } from '../../core/problem.ts'
import { bytes, count, show } from '../../core/quantity.ts'
import type { FileKind, FileRule } from './file.ts'
import { kindOf } from './kinds.ts'

/** A {@link FileRule} with its field, its numbers, and what it refuses with. */
export interface Rule<Field extends string = string> {
  readonly field: Field
  readonly kinds: readonly FileKind[]
  /** Bytes. */
  readonly max: number
  readonly count: number
  readonly tooMany: ProblemInit
  readonly tooLarge: ProblemInit
  readonly wrongKind: ProblemInit
}

/** By field. Throws a TypeError that names the option which is not usable. */
export function rulesOf<Field extends string>(
  files: Readonly<Record<Field, FileRule>>,
): ReadonlyMap<string, Rule<Field>> {
  const given = Object.entries<FileRule>(files ?? {}) as [Field, FileRule][]
  if (given.length === 0) throw new TypeError('uploads: files must name the fields that may hold files')
  return new Map(given.map(([field, rule]) => [field, ruleOf(field, rule)]))
}

function ruleOf<Field extends string>(field: Field, rule: FileRule): Rule<Field> {
  const option = `uploads: files.${field}`
  const most = count(rule?.count ?? 1, `${option}.count`)
  const max = bytes(rule?.max, `${option}.max`)
  const kinds = kindsOf(rule.kinds, `${option}.kinds`)
  const pointer = `#/${encodeURIComponent(field.replaceAll('~', '~0').replaceAll('/', '~1'))}`
  const refusal = (code: ProblemCode, detail: string, message: string): ProblemInit =>
    problem(code, { detail, members: { errors: [{ pointer, code, message }] } })
  const extensions = [...new Set(kinds.flatMap((kind) => kind.extensions))]
  return {
    field,
    kinds,
    max,
    count: most,
    tooMany: refusal(
      'file-unexpected',
      'There are more files than are taken.',
      most === 1 ? 'One file is taken here.' : `At most ${most} files are taken here.`,
    ),
    tooLarge: refusal('file-too-large', 'A file is too large.', `A file here may have at most ${rule.max}.`),
    wrongKind: refusal(
      'file-type-unsupported',
      'A file is not of a kind that is taken, or its name or type says another.',
      `A file here must be one of: ${extensions.join(', ')}.`,
    ),
  }
}

function kindsOf(kinds: unknown, option: string): readonly FileKind[] {
  if (!Array.isArray(kinds) || kinds.length === 0) throw new TypeError(`${option} must be a list of kinds of files`)
  for (const [i, kind] of (kinds as Partial<FileKind>[]).entries()) {
    const { type, aliases = [], extensions, matches } = kind ?? {}
    for (const one of [type, ...aliases]) {
      const plain = typeof one === 'string' && one !== '' && mediaType(one) === one && !one.includes('*')
      if (!plain) throw new TypeError(`${option}[${i}] must have media types in lower case, got ${show(one)}`)
    }
    const usable = Array.isArray(extensions) && extensions.length > 0 &&
      extensions.every((one) => typeof one === 'string' && /^[a-z\d]{1,10}$/.test(one))
    if (!usable) {
      throw new TypeError(
        `${option}[${i}].extensions must be in lower case without a dot, at most 10 characters, got ${
          show(extensions)
        }`,
      )
    }
    if (typeof matches !== 'function') throw new TypeError(`${option}[${i}].matches must be a function`)
  }
  return kinds as readonly FileKind[]
}

/** A kind is told by this much of a file's beginning. */
export const BEGINNING = 4_100

/**
 * The kind that the bytes, the name and the client all say. Not the first that the bytes say: kinds may begin alike, as WebM
 * with pictures and without.
 */
export function kindFor(
  rule: Rule,
  head: Uint8Array | undefined,
  extension: string,
  type: string | undefined,
): FileKind | undefined {
  const declared = type === undefined ? undefined : mediaType(type)
  const claimsNothing = declared === undefined || declared === 'application/octet-stream'
  const possible = rule.kinds.filter((kind) =>
    kind.extensions.includes(extension) &&
    (claimsNothing || kind.type === declared || kind.aliases?.includes(declared) === true)
  )
  return kindOf((head ?? new Uint8Array()).subarray(0, BEGINNING), possible)
}
