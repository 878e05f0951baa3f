import type * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import {
  scriptGenerationRequest,
  userRegistrationRequest,
  videoScheduleRequest,
} from '../../../src/input/schemas/videos.ts'
import { tried, wrong } from './tried.ts'

const ID = '7a1c3f52-0a35-4c8e-9a0d-5d0b8c2f1e11'
const video = { videoId: ID, title: 'a < b, and why', publishAt: '2030-01-01T12:00:00Z' }
const script = { topic: 'Bees', tone: 'educational', keywords: ['honey'] }
const account = { username: 'ada', email: 'ada@example.org', password: 'Abcdefghij1!' }

describe('lets the good through', () => {
  test.each<[name: string, schema: v.GenericSchema, value: object, more: object]>([
    ['VideoScheduleRequest', videoScheduleRequest, video, { description: '', tags: [], visibility: 'private' }],
    ['VideoScheduleRequest', videoScheduleRequest, {
      ...video,
      description: 'One\n\ntwo',
      tags: [' Bees ', 'bees', 'Honey'],
      visibility: 'public',
    }, { tags: ['Bees', 'Honey'] }],
    ['ScriptGenerationRequest', scriptGenerationRequest, script, { durationSeconds: 60, language: 'en' }],
    ['UserRegistrationRequest', userRegistrationRequest, account, {}],
    ['UserRegistrationRequest', userRegistrationRequest, { ...account, displayName: 'Ada 🐝' }, {}],
  ])('V10: %s', (_name, schema, value, more) => {
    expect(tried(schema, value)).toEqual({ out: { ...value, ...more } })
    expect(tried(schema, { ...value, owner: ID })).toEqual({ out: { ...value, ...more } })
  })
})

describe('refuses the bad', () => {
  test.each<[name: string, schema: v.GenericSchema, value: unknown, codes: string[]]>([
    ['VideoScheduleRequest', videoScheduleRequest, {}, ['videoId object', 'title object', 'publishAt object']],
    ['VideoScheduleRequest', videoScheduleRequest, {
      videoId: '1',
      title: '<h1>Bees</h1>',
      description: 'x'.repeat(5_001),
      tags: ['<b>', ' '],
      publishAt: 'tomorrow',
      visibility: 'friends',
    }, [
      'videoId uuid',
      'title check',
      'description max_length',
      'tags.0 regex',
      'tags.1 min_length',
      'publishAt iso_timestamp',
      'visibility picklist',
    ]],
    ['VideoScheduleRequest', videoScheduleRequest, { ...video, title: 'x'.repeat(101) }, ['title max_length']],
    ['VideoScheduleRequest', videoScheduleRequest, { ...video, title: 'a\nb' }, ['title check']],
    ['VideoScheduleRequest', videoScheduleRequest, { ...video, tags: Array.from({ length: 31 }, String) }, [
      'tags max_length',
    ]],
    ['VideoScheduleRequest', videoScheduleRequest, {
      ...video,
      tags: ['a', 'b', 'c', 'd', 'e', 'f'].map((one) => one.repeat(83)),
    }, ['tags check']],
    ['ScriptGenerationRequest', scriptGenerationRequest, {
      topic: '',
      tone: 'angry',
      keywords: [],
      durationSeconds: 14,
      language: 'x',
    }, ['topic min_length', 'tone picklist', 'keywords min_length', 'durationSeconds min_value', 'language regex']],
    ['UserRegistrationRequest', userRegistrationRequest, { ...account, password: 'Abcdef1!', displayName: '<i>' }, [
      'password min_code_points',
      'displayName check',
    ]],
  ])('V10: %s', (_name, schema, value, codes) => {
    expect(wrong(schema, value)).toEqual(codes)
  })
})
