/**
 * Ready-made schemas, and the blocks they are made of, in valibot: give them to `validate`, or build your own.
 *
 * Names are short and some are common (`text`, `search`, `url`): import the module as a whole, as valibot is. Bundlers
 * take what is used.
 *
 * Every object keeps the keys it knows and drops all others, so that no client sets what it is not asked for, and a
 * client of tomorrow is not refused for what it says more. Every message is a sentence of ours, and holds nothing of
 * the value. To say more in one of the objects, `v.intersect` it with another, or write your own with the blocks.
 *
 * @example
 * import * as schemas from 'sallyport/schemas'
 *
 * validate({ body: schemas.training })
 * validate({ body: v.object({ title: schemas.plainText({ max: 100 }), link: v.optional(schemas.url()) }) })
 *
 * @module
 */

// Blocks.
export type { BlockOptions, WithDefaults } from './schemas/sentences.ts'
export { languageTag, plainText, slug, tagList, text, username } from './schemas/texts.ts'
export type { SlugOptions, TagListOptions, TextOptions, UsernameOptions } from './schemas/texts.ts'
export { email, url } from './schemas/addresses.ts'
export type { UrlOptions } from './schemas/addresses.ts'
export { hfToken, repositoryId, revision, uuid } from './schemas/ids.ts'
export { currentPassword, password } from './schemas/passwords.ts'
export type { PasswordOptions, PasswordStrength } from './schemas/passwords.ts'
export { decimalNumber, flagText, numberText, wholeNumber } from './schemas/numbers.ts'
export type { NumberOptions } from './schemas/numbers.ts'
export { dateRange, isoDate, isoTimestamp } from './schemas/dates.ts'
export type { DateRange, DateRangeOptions } from './schemas/dates.ts'

// Speech and training.
export {
  dataset,
  download,
  idParam,
  login,
  pagination,
  register,
  search,
  settings,
  tokenValidation,
  training,
} from './schemas/speech.ts'
export type {
  Dataset,
  Download,
  IdParam,
  Login,
  Pagination,
  PaginationInput,
  Register,
  SampleRate,
  Search,
  Settings,
  TokenValidation,
  Training,
} from './schemas/speech.ts'

// AI agents.
export {
  agentExecutionRequest,
  contentGenerationRequest,
  enhancedLoginRequest,
  enhancedRegisterRequest,
  gdprDataRequest,
  mlModelRequest,
} from './schemas/agents.ts'
export type {
  AgentExecutionRequest,
  ContentGenerationRequest,
  EnhancedLoginRequest,
  EnhancedRegisterRequest,
  GDPRDataRequest,
  MLModelRequest,
} from './schemas/agents.ts'

// Videos.
export { scriptGenerationRequest, userRegistrationRequest, videoScheduleRequest } from './schemas/videos.ts'
export type { ScriptGenerationRequest, UserRegistrationRequest, VideoScheduleRequest } from './schemas/videos.ts'
