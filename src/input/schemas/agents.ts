/**
 * What a platform for AI agents takes. The bounds are what one call may cost: set narrower ones by blocks where it may
 * cost less.
 */
import * as v from 'valibot'
import { email } from './addresses.ts'
import { decimalNumber, wholeNumber } from './numbers.ts'
import { currentPassword, password } from './passwords.ts'
import type { WithDefaults } from './sentences.ts'
import { made, required } from './sentences.ts'
import { languageTag, plainText, slug, text, username } from './texts.ts'

const CODE = 'The code must have 6 to 8 digits.'
const INPUTS = 'The inputs must be a list of 1 to 32.'

/** A new account, with who it is for and what they agreed to. */
export interface EnhancedRegisterRequest {
  readonly username: string
  readonly email: string
  readonly password: string
  readonly fullName?: string | undefined
  readonly organization?: string | undefined
  /** Nobody gets an account without. */
  readonly acceptTerms: true
  /** Agreed to be written to: only ever said, never taken for granted. (false) */
  readonly newsletter: boolean
}

/**
 * A new account: the fields of `register`, a full name and an organization of 1 to 100 characters each, and two
 * consents.
 */
export const enhancedRegisterRequest: v.GenericSchema<
  WithDefaults<EnhancedRegisterRequest, 'newsletter'>,
  EnhancedRegisterRequest
> = /* @__PURE__ */ made(() =>
  v.object({
    username: username(),
    email: email(),
    password: password({ strength: 'mixed' }),
    fullName: v.optional(plainText({ max: 100, name: 'The full name' })),
    organization: v.optional(plainText({ max: 100, name: 'The organization' })),
    acceptTerms: v.literal(true, 'The terms must be accepted.'),
    newsletter: v.optional(v.boolean('The newsletter must be true or false.'), false),
  }, required)
)

/** Who signs in, perhaps with a second factor. */
export interface EnhancedLoginRequest {
  readonly username: string
  readonly password: string
  /** A one-time code. */
  readonly code?: string | undefined
  /** Stays signed in. (false) */
  readonly remember: boolean
  /** What the user calls the device, to find its session again. */
  readonly device?: string | undefined
}

/** Who signs in: the fields of `login`, a code of 6 to 8 digits, and a device's name of 1 to 100 characters. */
export const enhancedLoginRequest: v.GenericSchema<
  WithDefaults<EnhancedLoginRequest, 'remember'>,
  EnhancedLoginRequest
> = /* @__PURE__ */ made(() =>
  v.object({
    username: text({ max: 254, name: 'The username' }),
    password: currentPassword(),
    code: v.optional(v.pipe(v.string(CODE), v.regex(/^\d{6,8}$/, CODE))),
    remember: v.optional(v.boolean('Remember must be true or false.'), false),
    device: v.optional(plainText({ max: 100, name: 'The device' })),
  }, required)
)

/** Work for an agent. */
export interface AgentExecutionRequest {
  /** Which agent, e.g. `research-agent`. */
  readonly agent: string
  /** What it is to do. */
  readonly task: string
  /** What it is to do that to. */
  readonly input?: string | undefined
  /** (`'normal'`) */
  readonly priority: 'low' | 'normal' | 'high'
  /** Seconds after which it is stopped. (60) */
  readonly timeoutSeconds: number
}

/**
 * Work for an agent: its {@link slug}, a task of 1 to 4,000 characters, an input of 1 to 50,000, and 1 to 300 seconds.
 * Both texts may hold anything that can be written, also what tries to instruct the agent: what an agent may do is not
 * decided here.
 */
export const agentExecutionRequest: v.GenericSchema<
  WithDefaults<AgentExecutionRequest, 'priority' | 'timeoutSeconds'>,
  AgentExecutionRequest
> = /* @__PURE__ */ made(() =>
  v.object({
    agent: slug({ name: 'The agent' }),
    task: text({ max: 4_000, lines: true, name: 'The task' }),
    input: v.optional(text({ max: 50_000, lines: true, name: 'The input' })),
    priority: v.optional(v.picklist(['low', 'normal', 'high'], 'The priority must be low, normal or high.'), 'normal'),
    timeoutSeconds: v.optional(wholeNumber({ min: 1, max: 300, name: 'The timeout' }), 60),
  }, required)
)

/** Inputs for a model. */
export interface MLModelRequest {
  /** Which model, e.g. `owner/name` or `name:8b-q4`. */
  readonly model: string
  readonly inputs: readonly string[]
  /** Most tokens to make of each input. (256) */
  readonly maxTokens: number
  /** (1) */
  readonly temperature: number
  /** (1) */
  readonly topP: number
}

/** Inputs for a model: 1 to 32 of 1 to 10,000 characters, at most 8,192 tokens each, a temperature from 0 to 2. */
export const mlModelRequest: v.GenericSchema<
  WithDefaults<MLModelRequest, 'maxTokens' | 'temperature' | 'topP'>,
  MLModelRequest
> = /* @__PURE__ */ made(() =>
  v.object({
    model: v.pipe(
      text({ max: 128, name: 'The model' }),
      // No dot starts a part, so no part is `..`: names become paths.
      v.regex(/^\w[\w.-]*(?:[/:]\w[\w.-]*){0,4}$/, 'The model must be a name, such as owner/name.'),
    ),
    inputs: v.pipe(
      v.array(text({ max: 10_000, lines: true, name: 'An input' }), INPUTS),
      v.minLength(1, INPUTS),
      v.maxLength(32, INPUTS),
    ),
    maxTokens: v.optional(wholeNumber({ min: 1, max: 8_192, name: 'The most tokens' }), 256),
    temperature: v.optional(decimalNumber({ min: 0, max: 2, name: 'The temperature' }), 1),
    topP: v.optional(decimalNumber({ min: 0, max: 1, name: 'Top p' }), 1),
  }, required)
)

/** What is to be written. */
export interface ContentGenerationRequest {
  readonly kind: 'article' | 'email' | 'post' | 'product' | 'summary'
  readonly prompt: string
  /** (`'neutral'`) */
  readonly tone: 'casual' | 'formal' | 'friendly' | 'neutral' | 'persuasive'
  /** (`'en'`) */
  readonly language: string
  /** (500) */
  readonly maxWords: number
}

/**
 * What is to be written: its kind, a prompt of 1 to 4,000 characters, a tone, a {@link languageTag}, 10 to 5,000 words
 * at most.
 */
export const contentGenerationRequest: v.GenericSchema<
  WithDefaults<ContentGenerationRequest, 'tone' | 'language' | 'maxWords'>,
  ContentGenerationRequest
> = /* @__PURE__ */ made(() =>
  v.object({
    kind: v.picklist(
      ['article', 'email', 'post', 'product', 'summary'],
      'The kind must be article, email, post, product or summary.',
    ),
    prompt: text({ max: 4_000, lines: true, name: 'The prompt' }),
    tone: v.optional(
      v.picklist(
        ['casual', 'formal', 'friendly', 'neutral', 'persuasive'],
        'The tone must be casual, formal, friendly, neutral or persuasive.',
      ),
      'neutral',
    ),
    language: v.optional(languageTag(), 'en'),
    maxWords: v.optional(wholeNumber({ min: 10, max: 5_000, name: 'The most words' }), 500),
  }, required)
)

/** What somebody asks to be done with their data. */
export interface GDPRDataRequest {
  readonly kind: 'access' | 'rectification' | 'erasure' | 'restriction' | 'portability' | 'objection'
  /** Whose data: an e-mail address. That it is theirs is to be proven another way. */
  readonly subject: string
  readonly reason?: string | undefined
  /** (`'json'`) */
  readonly format: 'json' | 'csv'
  readonly confirm?: boolean | undefined
}

/**
 * What somebody asks to be done with their data: one of the six rights, an {@link email}, and a reason of 1 to 2,000
 * characters. A rectification needs the reason, which says what is wrong, and an erasure `confirm: true`, for it cannot
 * be undone.
 *
 * Source: GDPR Art. 15 to 18, 20, 21.
 */
export const gdprDataRequest: v.GenericSchema<WithDefaults<GDPRDataRequest, 'format'>, GDPRDataRequest> =
  /* @__PURE__ */ made(() =>
    v.pipe(
      v.object({
        kind: v.picklist(
          ['access', 'rectification', 'erasure', 'restriction', 'portability', 'objection'],
          'The kind must be access, rectification, erasure, restriction, portability or objection.',
        ),
        subject: email({ name: 'The subject' }),
        reason: v.optional(plainText({ max: 2_000, lines: true, name: 'The reason' })),
        format: v.optional(v.picklist(['json', 'csv'], 'The format must be json or csv.'), 'json'),
        confirm: v.optional(v.boolean('Confirm must be true or false.')),
      }, required),
      v.forward(
        v.check(
          ({ kind, reason }) => kind !== 'rectification' || reason !== undefined,
          'The reason must say what is wrong.',
        ),
        ['reason'],
      ),
      v.forward(
        v.check(({ kind, confirm }) => kind !== 'erasure' || confirm === true, 'An erasure must be confirmed.'),
        ['confirm'],
      ),
    )
  )
