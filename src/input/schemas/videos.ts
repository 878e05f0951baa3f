/** What a platform that makes and publishes videos takes. Bounds of titles, descriptions and tags are YouTube's. */
import * as v from 'valibot'
import { email } from './addresses.ts'
import { isoTimestamp } from './dates.ts'
import { uuid } from './ids.ts'
import { wholeNumber } from './numbers.ts'
import { password } from './passwords.ts'
import type { WithDefaults } from './sentences.ts'
import { made, required } from './sentences.ts'
import { languageTag, plainText, tagList, username } from './texts.ts'

/** A video to be published. */
export interface VideoScheduleRequest {
  readonly videoId: string
  readonly title: string
  /** (`''`) */
  readonly description: string
  /** (none) */
  readonly tags: readonly string[]
  /** When. That it lies ahead is for who has a clock to see. */
  readonly publishAt: string
  /** (`'private'`) */
  readonly visibility: 'private' | 'unlisted' | 'public'
}

/**
 * A video to be published: {@link plainText} of 1 to 100 characters as its title and of 5,000 as its description, a
 * {@link tagList} of 30, of 500 characters together, and an {@link isoTimestamp}. HTML is refused, not removed.
 *
 * Source: YouTube Data API v3, videos: `snippet.title`, `snippet.description`, `snippet.tags[]`.
 */
export const videoScheduleRequest: v.GenericSchema<
  WithDefaults<VideoScheduleRequest, 'description' | 'tags' | 'visibility'>,
  VideoScheduleRequest
> = /* @__PURE__ */ made(() =>
  v.object({
    videoId: uuid({ name: 'The video id' }),
    title: plainText({ max: 100, name: 'The title' }),
    description: v.optional(plainText({ min: 0, max: 5_000, lines: true, name: 'The description' }), ''),
    tags: v.optional(
      v.pipe(
        tagList({ count: 30, max: 100 }),
        v.check((tags) => tags.join().length <= 500, 'The tags must have at most 500 characters together.'),
      ),
      [],
    ),
    publishAt: isoTimestamp({ name: 'The time' }),
    visibility: v.optional(
      v.picklist(['private', 'unlisted', 'public'], 'The visibility must be private, unlisted or public.'),
      'private',
    ),
  }, required)
)

/** A script to be written. */
export interface ScriptGenerationRequest {
  readonly topic: string
  readonly tone: 'casual' | 'dramatic' | 'educational' | 'formal' | 'humorous' | 'inspirational'
  readonly keywords: readonly string[]
  /** (60) */
  readonly durationSeconds: number
  /** (`'en'`) */
  readonly language: string
}

/** A script to be written: a topic of 1 to 200 characters, a tone, 1 to 10 keywords, and 15 to 3,600 seconds. */
export const scriptGenerationRequest: v.GenericSchema<
  WithDefaults<ScriptGenerationRequest, 'durationSeconds' | 'language'>,
  ScriptGenerationRequest
> = /* @__PURE__ */ made(() =>
  v.object({
    topic: plainText({ max: 200, name: 'The topic' }),
    tone: v.picklist(
      ['casual', 'dramatic', 'educational', 'formal', 'humorous', 'inspirational'],
      'The tone must be casual, dramatic, educational, formal, humorous or inspirational.',
    ),
    keywords: tagList({ min: 1, count: 10, name: 'The keywords' }),
    durationSeconds: v.optional(wholeNumber({ min: 15, max: 3_600, name: 'The duration' }), 60),
    language: v.optional(languageTag(), 'en'),
  }, required)
)

/** A new account. */
export interface UserRegistrationRequest {
  readonly username: string
  readonly email: string
  readonly password: string
  readonly displayName?: string | undefined
}

/**
 * A new account: {@link username}, {@link email}, a {@link password} that is `'strict'`, a name of 1 to 100 characters
 * to show.
 */
export const userRegistrationRequest: v.GenericSchema<UserRegistrationRequest> = /* @__PURE__ */ made(() =>
  v.object({
    username: username(),
    email: email(),
    password: password({ strength: 'strict' }),
    displayName: v.optional(plainText({ max: 100, name: 'The display name' })),
  }, required)
)
