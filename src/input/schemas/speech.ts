/** What a platform for speech and training takes: accounts, sources, jobs, settings, and how lists are read. */
import * as v from 'valibot'
import { email } from './addresses.ts'
import { hfToken, repositoryId, revision, uuid } from './ids.ts'
import { decimalNumber, numberText, wholeNumber } from './numbers.ts'
import { currentPassword, password } from './passwords.ts'
import type { WithDefaults } from './sentences.ts'
import { made, required } from './sentences.ts'
import { languageTag, plainText, text, username } from './texts.ts'

/** A new account. */
export interface Register {
  readonly username: string
  readonly email: string
  readonly password: string
}

/** A new account: {@link username}, {@link email}, and a {@link password} that is `'mixed'`. */
export const register: v.GenericSchema<Register> = /* @__PURE__ */ made(() =>
  v.object({
    username: username(),
    email: email(),
    password: password({ strength: 'mixed' }),
  }, required)
)

/** Who signs in. */
export interface Login {
  readonly username: string
  readonly password: string
}

/**
 * Who signs in: a name of 1 to 254 characters, which may be an e-mail address, and a {@link currentPassword}. None of
 * the rules of {@link register}, which would help to guess; `validate({ body: login }, { generic: true })` says nothing
 * at all.
 */
export const login: v.GenericSchema<Login> = /* @__PURE__ */ made(() =>
  v.object({
    username: text({ max: 254, name: 'The username' }),
    password: currentPassword(),
  }, required)
)

/** A model or a data set to fetch. */
export interface Download {
  readonly repository: string
  /** (`'main'`) */
  readonly revision: string
}

/** A model or a data set to fetch: a {@link repositoryId} and a {@link revision}. */
export const download: v.GenericSchema<WithDefaults<Download, 'revision'>, Download> = /* @__PURE__ */ made(() =>
  v.object({
    repository: repositoryId(),
    revision: v.optional(revision(), 'main'),
  }, required)
)

/** A job that trains a voice. */
export interface Training {
  readonly voiceId: string
  readonly dataset: string
  readonly epochs: number
  /** (16) */
  readonly batchSize: number
  /** (0.0001) */
  readonly learningRate: number
}

/** A job that trains a voice: 1 to 1,000 epochs, batches of 1 to 256, a learning rate from 0.000001 to 1. */
export const training: v.GenericSchema<WithDefaults<Training, 'batchSize' | 'learningRate'>, Training> =
  /* @__PURE__ */ made(() =>
    v.object({
      voiceId: uuid({ name: 'The voice id' }),
      dataset: repositoryId(),
      epochs: wholeNumber({ min: 1, max: 1_000, name: 'Epochs' }),
      batchSize: v.optional(wholeNumber({ min: 1, max: 256, name: 'The batch size' }), 16),
      learningRate: v.optional(decimalNumber({ min: 0.000001, max: 1, name: 'The learning rate' }), 0.0001),
    }, required)
  )

/** Samples per second that are usual. */
export type SampleRate = 8_000 | 16_000 | 22_050 | 24_000 | 44_100 | 48_000

/** How speech is made for one user. */
export interface Settings {
  readonly language: string
  readonly sampleRate: SampleRate
  readonly defaultVoice?: string | undefined
  /** For fetching what is not public. A secret: never give it back. */
  readonly token?: string | undefined
}

/**
 * How speech is made for one user: a {@link languageTag}, a usual sample rate, a voice's {@link uuid}, an {@link
 * hfToken}.
 */
export const settings: v.GenericSchema<Settings> = /* @__PURE__ */ made(() =>
  v.object({
    language: languageTag(),
    sampleRate: v.picklist(
      [8_000, 16_000, 22_050, 24_000, 44_100, 48_000],
      'The sample rate must be 8000, 16000, 22050, 24000, 44100 or 48000.',
    ),
    defaultVoice: v.optional(uuid({ name: 'The default voice' })),
    token: v.optional(hfToken()),
  }, required)
)

/** A token to try. */
export interface TokenValidation {
  readonly token: string
}

/** A token to try: an {@link hfToken}. */
export const tokenValidation: v.GenericSchema<TokenValidation> = /* @__PURE__ */ made(() =>
  v.object({ token: hfToken() }, required)
)

/** What is looked for. */
export interface Search {
  readonly q: string
}

/** What is looked for, as a query says it: `q`, {@link text} of 1 to 100 characters. */
export const search: v.GenericSchema<Search> = /* @__PURE__ */ made(() =>
  v.object({ q: text({ max: 100, name: 'The search' }) }, required)
)

/** A data set to register. */
export interface Dataset {
  readonly name: string
  readonly repository: string
  /** (`'main'`) */
  readonly revision: string
  readonly language: string
  /** (`'train'`) */
  readonly split: 'train' | 'validation' | 'test'
  /** Samples to take; absent: all. */
  readonly samples?: number | undefined
}

/**
 * A data set to register: a name of 1 to 100 characters, where it is, its language, and at most 1,000,000 samples of
 * it.
 */
export const dataset: v.GenericSchema<WithDefaults<Dataset, 'revision' | 'split'>, Dataset> = /* @__PURE__ */ made(() =>
  v.object({
    name: plainText({ max: 100, name: 'The name' }),
    repository: repositoryId(),
    revision: v.optional(revision(), 'main'),
    language: languageTag(),
    split: v.optional(
      v.picklist(['train', 'validation', 'test'], 'The split must be train, validation or test.'),
      'train',
    ),
    samples: v.optional(wholeNumber({ min: 1, max: 1_000_000, name: 'Samples' })),
  }, required)
)

/** Which part of a list. */
export interface Pagination {
  /** (1) */
  readonly page: number
  /** (20) */
  readonly limit: number
}

/** {@link Pagination} as a query has it. */
export interface PaginationInput {
  readonly page?: string | undefined
  readonly limit?: string | undefined
}

/** Which part of a list, as a query says it: page 1 to 10,000, and 1 to 100 of each. */
export const pagination: v.GenericSchema<PaginationInput, Pagination> = /* @__PURE__ */ made(() =>
  v.object({
    page: v.optional(numberText({ min: 1, max: 10_000, name: 'The page' }), '1'),
    limit: v.optional(numberText({ min: 1, max: 100, name: 'The limit' }), '20'),
  }, required)
)

/** The parameter of a path such as `/jobs/:id`. */
export interface IdParam {
  readonly id: string
}

/** The parameter of a path such as `/jobs/:id`: a {@link uuid}. */
export const idParam: v.GenericSchema<IdParam> = /* @__PURE__ */ made(() => v.object({ id: uuid() }, required))
