/** S0's rules for what comes in, each with its own sentence. */
import * as v from 'valibot'

const required = (issue: v.BaseIssue<unknown>): string =>
  issue.path === undefined ? 'A JSON object is required.' : 'This field is required.'

const text = (name: string, min: number, max: number) => {
  const length = `${name} must have ${min} to ${max} characters.`
  return v.pipe(
    v.string(`${name} must be text.`),
    v.transform((value) => value.replaceAll('\0', '')),
    v.trim(),
    v.minLength(min, length),
    v.maxLength(max, length),
  )
}

const whole = (name: string, min: number, max: number) => {
  const range = `${name} must be a whole number from ${min} to ${max}.`
  return v.pipe(v.number(range), v.integer(range), v.minValue(min, range), v.maxValue(max, range))
}

const uuid = (name: string) => v.pipe(v.string(`${name} must be text.`), v.uuid(`${name} must be a UUID.`))

const username = v.pipe(
  text('The username', 3, 32),
  v.regex(/^[\w-]*$/, 'The username may have letters, digits, hyphens and underscores.'),
)

const password = v.pipe(
  v.string('The password must be text.'),
  v.minLength(8, 'The password must have at least 8 characters.'),
  v.maxLength(128, 'The password must have at most 128 characters.'),
  v.regex(/[a-z]/, 'The password needs a lower-case letter.'),
  v.regex(/[A-Z]/, 'The password needs an upper-case letter.'),
  v.regex(/\d/, 'The password needs a digit.'),
  v.regex(/[^A-Za-z\d]/, 'The password needs a symbol.'),
)

const repository = v.pipe(
  text('The repository id', 3, 128),
  v.regex(/^\w[\w.-]*\/\w[\w.-]*$/, 'The repository id must look like owner/name.'),
)

const token = v.pipe(
  v.string('The token must be text.'),
  v.regex(/^hf_[A-Za-z\d]{30,64}$/, 'The token must be a Hugging Face token: hf_ and 30 or more letters and digits.'),
)

export const registration = v.object({
  username,
  email: v.pipe(text('The e-mail address', 3, 254), v.email('The e-mail address is not one.')),
  password,
}, required)

/** Not the rules for a new password: they would tell an attacker which guesses to leave out. */
export const credentials = v.object({
  username: text('The username', 1, 32),
  password: v.pipe(v.string(), v.maxLength(128)),
}, required)

export const download = v.object({ repository, revision: v.optional(text('The revision', 1, 64), 'main') }, required)

export const training = v.object({
  voiceId: uuid('The voice id'),
  dataset: repository,
  epochs: whole('Epochs', 1, 1000),
  batchSize: v.optional(whole('The batch size', 1, 256), 16),
  learningRate: v.optional(
    v.pipe(
      v.number('The learning rate must be a number.'),
      v.gtValue(0, 'The learning rate must be positive.'),
      v.maxValue(1, 'The learning rate must be at most one.'),
    ),
    0.0001,
  ),
}, required)

export const settings = v.object({
  language: v.picklist(['de', 'en', 'es', 'fr', 'ja'], 'The language must be one of de, en, es, fr and ja.'),
  sampleRate: v.picklist([16_000, 22_050, 44_100, 48_000], 'The sample rate is not a usual one.'),
  defaultVoice: v.optional(uuid('The default voice')),
  token: v.optional(token),
}, required)

export const tokenValidation = v.object({ token }, required)

const number = (name: string, min: number, max: number) =>
  v.pipe(v.string(`${name} may be given once.`), v.transform(Number), whole(name, min, max))

/** Query parameters are text until they are read. */
export const search = v.object({
  q: v.pipe(v.string('The search may be given once.'), text('The search', 1, 100)),
}, required)

export const pagination = v.object({
  page: v.optional(number('The page', 1, 10_000), '1'),
  limit: v.optional(number('The limit', 1, 100), '20'),
}, required)

export const idParam = v.object({ id: uuid('The id') }, required)
