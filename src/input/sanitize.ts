/**
 * Cleans texts that came in, so that what is stored, compared and searched has one form.
 *
 * It is no defence against injection: `<script>` and `' OR 1=1` are ordinary texts to it. They are made harmless where they
 * go out (encode for HTML, pass parameters to SQL), because only there is it known what they could harm.
 *
 * Nothing is changed in silence. What was changed is counted by part and by rule; neither values nor names of fields are
 * told, because the client chooses both.
 */
import { fail } from '../core/body.ts'
import type { Context } from '../core/context.ts'
import { extend } from '../core/context.ts'
import { described } from '../core/description.ts'
import { record } from '../core/event.ts'
import type { HasSanitizer } from '../core/facts.ts'
import type { Wrapper } from '../core/handler.ts'
import { PROBLEMS } from '../core/problem.ts'
import { show } from '../core/quantity.ts'
import { SECRET_WORDS, secretKeys } from '../core/redact.ts'
import { isPlain } from './structure.ts'

/** Options of {@link sanitize}. */
export interface SanitizeOptions {
  /** Takes white space off both ends. (true) */
  readonly trim?: boolean | undefined
  /**
   * Control characters to remove: `'all'` (C0 but tab, line feed and carriage return; DEL; C1), `'null'` (U+0000 alone) or
   * none. (`'all'`)
   */
  readonly controls?: 'all' | 'null' | false | undefined
  /** The normal form of texts, in which lone surrogates become U+FFFD; false leaves both as they are. (`'NFC'`) */
  readonly unicode?: 'NFC' | 'NFKC' | false | undefined
  /** Fields, by exact name, that stay as they came with all below, as do those that logs redact. (none) */
  readonly except?: readonly string[] | undefined
  /** What else to do with the texts of a field, alone or in a list, by exact name at any depth; it goes last. (none) */
  readonly fields?: Readonly<Record<string, (text: string) => string>> | undefined
}

/**
 * Gives the handler, and `validate` before its schemas, a function that cleans all texts in a value: trimmed, without
 * control characters, in one normal form.
 *
 * This is no defence against injection: encode on output, and let HTML be only in fields that are meant to hold it (`fields`
 * with `cleanHtml` of `sallyport/html`). The bytes of the request stay as they are, for signatures and digests. Plain
 * objects and arrays are walked; files, dates and other instances are left alone, and so are keys. Passwords, tokens and
 * what else logs redact stay as they came, unless `fields` names them.
 *
 * Needs:   nothing.
 * Adds:    `sanitize`. Where it changed something: an event `altered` that counts texts by rule, and attribute
 *          `sanitize.altered`, how many in all.
 * Refuses: nothing by itself. The function throws 400 `input-too-complex` for a value of more than 64 levels, as a cycle
 *          is, or 1,000,000 items, and for a text with more than 30 combining marks in a row.
 * Throws:  when made: TypeError if an option is not what it must be, or `except` and `fields` name the same field. Per
 *          request: what a function of `fields` throws, or a TypeError where it returns no string.
 * Fails:   closed.
 * Costs:   one closure per request; for a megabyte of JSON that is clean 0.4 ms (rows of numbers) to 1.4 ms (of short
 *          texts), a tenth to half of JSON.parse; emoji and accents by marks take some 100 ns per text more.
 * Source:  ASVS 5 1.1.1, 1.1.2; UAX #15 §13 (30 marks).
 *
 * @example
 * policy({ sanitize: sanitize({ fields: { bio: cleanHtml() } }), validate: validate({ body: profile }) })
 */
export function sanitize(options: SanitizeOptions = {}): Wrapper<HasSanitizer> {
  const rules = rulesOf(options)
  const wrapper: Wrapper<HasSanitizer> = (next) => (request, context) => {
    const clean: HasSanitizer['sanitize'] = (value, part = 'body') => sanitized(value, part, rules, context)
    return next(request, extend(context, { sanitize: clean }))
  }
  return described(wrapper, {
    name: 'sanitize',
    says: { problems: { 'input-too-complex': PROBLEMS['input-too-complex'] } },
  })
}

/** What to do with the texts of one field. */
interface Treatment {
  readonly keep: boolean
  readonly also: ((text: string) => string) | undefined
}

const KEPT: Treatment = { keep: true, also: undefined }
const USUAL: Treatment = { keep: false, also: undefined }

interface Rules {
  readonly trim: boolean
  readonly controls: RegExp | undefined
  readonly unicode: 'NFC' | 'NFKC' | undefined
  /** Finds a character that may have to be changed. */
  readonly doubtful: RegExp
  readonly fields: boolean
  readonly treatment: (field: string) => Treatment
}

// deno-lint-ignore no-control-regex
const CONTROLS = /[\0-\x08\v\f\x0e-\x1f\x7f-\x9f]/g

function rulesOf({ trim = true, controls = 'all', unicode = 'NFC', except = [], fields = {} }: SanitizeOptions): Rules {
  if (typeof trim !== 'boolean') throw new TypeError(`sanitize: trim must be true or false, got ${show(trim)}`)
  if (controls !== 'all' && controls !== 'null' && controls !== false) {
    throw new TypeError(`sanitize: controls must be 'all', 'null' or false, got ${show(controls)}`)
  }
  if (unicode !== 'NFC' && unicode !== 'NFKC' && unicode !== false) {
    throw new TypeError(`sanitize: unicode must be 'NFC', 'NFKC' or false, got ${show(unicode)}`)
  }
  if (!Array.isArray(except) || except.some((name) => typeof name !== 'string')) {
    throw new TypeError('sanitize: except must be a list of names')
  }
  const named = new Map<string, Treatment>(except.map((name: string) => [name, KEPT]))
  for (const [name, also] of Object.entries(fields)) {
    if (typeof also !== 'function') throw new TypeError(`sanitize: fields.${name} must be a function`)
    if (named.has(name)) throw new TypeError(`sanitize: except and fields both name '${name}'`)
    named.set(name, { keep: false, also })
  }
  return {
    trim,
    controls: controls === 'all' ? CONTROLS : controls === 'null' ? /\0/g : undefined,
    unicode: unicode || undefined,
    doubtful: DOUBTFUL[unicode || 'NFC'],
    fields: Object.keys(fields).length > 0,
    treatment: treatments(named),
  }
}

/**
 * Looks a field up. Names that clients make up must neither fill memory, so that it forgets them all now and then, nor cost
 * more than they do JSON.parse, so that most are told by a glance: to be secret, a name has a secret word in its letters.
 */
function treatments(named: ReadonlyMap<string, Treatment>): Rules['treatment'] {
  const secret = secretKeys()
  const hint = new RegExp(SECRET_WORDS.map((word) => word.split(' ', 1)[0]).join('|'))
  const isSecret = (field: string): boolean =>
    field.length <= LONG_NAME && hint.test(field.toLowerCase().replace(/[^\p{L}]+/gu, '')) && secret(field)
  const known = new Map<string, Treatment>()
  return (field) => {
    let treatment = known.get(field)
    if (treatment !== undefined) return treatment
    treatment = named.get(field) ?? (isSecret(field) ? KEPT : USUAL)
    if (known.size >= 1_000) known.clear()
    if (field.length <= LONG_NAME) known.set(field, treatment)
    return treatment
  }
}

const LONG_NAME = 100
const DEPTH = 64
const ITEMS = 1_000_000

/** One call: how much more it may look at, and how many texts each rule changed. */
interface Pass {
  readonly rules: Rules
  left: number
  texts: number
  trim: number
  controls: number
  unicode: number
  fields: number
}

function sanitized<T>(value: T, part: string, rules: Rules, context: Context): T {
  const pass: Pass = { rules, left: ITEMS, texts: 0, trim: 0, controls: 0, unicode: 0, fields: 0 }
  const clean = cleanValue(value, USUAL, 0, pass) as T
  if (pass.texts > 0) report(context, part, pass)
  return clean
}

function report(context: Context, part: string, pass: Pass): void {
  const { texts, trim, controls, unicode, fields } = pass
  const rules = Object.entries({ trim, controls, unicode, fields }).filter(([, changed]) => changed > 0)
  const counts = rules.map((rule) => rule.join(' '))
  const reason = `${part}: ${texts} ${texts === 1 ? 'text' : 'texts'} (${counts.join(', ')})`
  record(context, { kind: 'altered', guard: 'sanitize', code: 'input-altered', reason })
  context.attributes['sanitize.altered'] = Number(context.attributes['sanitize.altered'] ?? 0) + texts
}

/** The value itself where it is clean already, else a copy of what leads to what was changed. */
function cleanValue(value: unknown, treatment: Treatment, depth: number, pass: Pass): unknown {
  if (typeof value === 'string') return isClean(value, treatment, pass) ? value : cleanText(value, treatment, pass)
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return cleanList(value, treatment, depth + 1, pass)
  return isPlain(value) ? cleanFields(value, depth + 1, pass) : value
}

function cleanList(list: readonly unknown[], treatment: Treatment, depth: number, pass: Pass): readonly unknown[] {
  enter(list.length, depth, pass)
  let copy: unknown[] | undefined
  for (let i = 0; i < list.length; i++) {
    const before = list[i]
    if (typeof before === 'string' ? isClean(before, treatment, pass) : typeof before !== 'object') continue
    const after = cleanValue(before, treatment, depth, pass)
    if (after !== before) (copy ??= list.slice())[i] = after
  }
  return copy ?? list
}

function cleanFields(fields: Readonly<Record<string, unknown>>, depth: number, pass: Pass): object {
  enter(0, depth, pass)
  let copy: Record<string, unknown> | undefined
  // A tenth cheaper than Object.keys; what a polluted prototype lends is looked at too.
  for (const name in fields) {
    pass.left--
    const before = fields[name]
    // What most texts are: clean, and of no field that `fields` names. So their names need not be looked up.
    if (typeof before === 'string' ? !pass.rules.fields && isClean(before, USUAL, pass) : typeof before !== 'object') {
      continue
    }
    const treatment = pass.rules.treatment(name)
    if (treatment.keep) continue
    const after = cleanValue(before, treatment, depth, pass)
    // The copy has a property of its own for each name, so that `__proto__` is a name like any other.
    if (after !== before) (copy ??= copyOf(fields))[name] = after
  }
  return copy ?? fields
}

/** Depth-first, so that a cycle soon is too deep; the count is for the few objects that refer to one another in many ways. */
function enter(items: number, depth: number, pass: Pass): void {
  if (depth > DEPTH || (pass.left -= items) < 0) fail('input-too-complex')
}

function copyOf(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.getPrototypeOf(fields) === null ? Object.assign(Object.create(null), fields) : { ...fields }
}

/**
 * Most texts need one look only: they have no character but such as no rule changes, save `trim` at the ends. For NFC that
 * is what usual scripts are written with, without what composes with a character before it.
 */
const DOUBTFUL = {
  NFC:
    /[^\t\n\r -~\xa1-\u02ff\u0400-\u0482\u048a-\u052f\u05d0-\u05ea\u0621-\u064a\u2010-\u2027\u3001-\u3029\u3041-\u3096\u30a1-\u30fa\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3]/,
  NFKC: /[^\t\n\r -~]/,
}

function isClean(text: string, { also }: Treatment, { rules }: Pass): boolean {
  if (also !== undefined || rules.doubtful.test(text)) return false
  return !rules.trim || text === '' || (text.charCodeAt(0) > 0x20 && text.charCodeAt(text.length - 1) > 0x20)
}

function cleanText(text: string, { also }: Treatment, pass: Pass): string {
  const { doubtful, trim } = pass.rules
  const settled = doubtful.test(text) ? settle(text, pass) : text
  const trimmed = trim ? settled.trim() : settled
  if (trimmed !== settled) pass.trim++
  const clean = also === undefined ? trimmed : also(trimmed)
  if (typeof clean !== 'string') throw new TypeError('sanitize: a function of fields must return a string')
  if (clean !== trimmed) pass.fields++
  if (clean !== text) pass.texts++
  return clean
}

/** Controls go before the normal form is made: what stood at either side of one may compose. */
function settle(text: string, pass: Pass): string {
  const { controls, unicode } = pass.rules
  const formed = unicode === undefined ? text : wellFormed(text)
  const bare = controls === undefined ? formed : formed.replace(controls, '')
  const normal = unicode === undefined ? bare : normalised(bare, unicode)
  if (bare !== formed) pass.controls++
  if (formed !== text || normal !== bare) pass.unicode++
  return normal
}

/** In all runtimes, but not in the types of ES2023. */
function wellFormed(text: string): string {
  return (text as unknown as { toWellFormed(): string }).toWellFormed()
}

/** Marks, which a normal form sorts, and two characters that NFKC makes marks of. */
const MARK = /[\p{M}\uff9e\uff9f]/u
const MOST_MARKS = 30

/**
 * The normal form of well-formed text. Engines sort the marks on one letter in quadratic time: 40,000, which fit in 80 kB,
 * take V8 0.6 s and JavaScriptCore 4 s. So more than 30, which no language needs, are refused. More than 30 in a row have
 * one at one of every 31 places: the others need not be looked at.
 */
function normalised(text: string, form: 'NFC' | 'NFKC'): string {
  for (let at = MOST_MARKS; at < text.length; at += MOST_MARKS + 1) {
    if (!isMark(text, at)) continue
    let [from, to] = [at, at + 1]
    while (isMark(text, from - 1)) from--
    while (to - from <= MOST_MARKS && isMark(text, to)) to++
    if (to - from > MOST_MARKS) fail('input-too-complex')
  }
  return text.normalize(form)
}

function isMark(text: string, at: number): boolean {
  const code = text.charCodeAt(at) // NaN outside
  if (!(code >= 0x300)) return false
  const start = code >= 0xdc00 && code <= 0xdfff ? at - 1 : at
  return MARK.test(String.fromCodePoint(text.codePointAt(start)!))
}
