import { describe, expect, test } from 'vitest'
import { hfToken, repositoryId, revision, uuid } from '../../../src/input/schemas/ids.ts'
import { tried } from './tried.ts'

describe('uuid', () => {
  test.each([
    'c232ab00-9414-11ec-b3c8-9f6bdeced846', // 1, as in RFC 9562, appendix A
    '5df41881-3aed-3515-88a7-2f4a814cf09e', // 3
    '919108f7-52d1-4320-9bac-f847db4148a8', // 4
    '2ed6657d-e927-568b-95e1-2665a8aea6a2', // 5
    '1EC9414C-232A-6B00-B3C8-9F6BDECED846', // 6
    '017F22E2-79B0-7CC3-98C4-DC0C0C07398F', // 7
    '2489E9AD-2EE2-8E00-8EC9-32D5F69181C0', // 8
  ])('V4: takes %s, in lower case', (value) => {
    expect(tried(uuid(), value)).toEqual({ out: value.toLowerCase() })
  })

  test.each([
    '',
    'not-a-uuid',
    '00000000-0000-0000-0000-000000000000',
    'ffffffff-ffff-ffff-ffff-ffffffffffff',
    '919108f7-52d1-0320-9bac-f847db4148a8',
    '919108f7-52d1-9320-9bac-f847db4148a8',
    '919108f7-52d1-4320-cbac-f847db4148a8',
    '919108f752d143209bacf847db4148a8',
    '{919108f7-52d1-4320-9bac-f847db4148a8}',
    'urn:uuid:919108f7-52d1-4320-9bac-f847db4148a8',
    ' 919108f7-52d1-4320-9bac-f847db4148a8',
    '919108f7-52d1-4320-9bac-f847db4148a8\n',
    '919108f7-52d1-4320-9bac-f847db4148ag',
    "919108f7-52d1-4320-9bac-f847db4148a8' OR 1=1",
  ])('V4: refuses %j', (value) => {
    expect(tried(uuid({ name: 'The voice id' }), value)).toEqual({ no: ['uuid The voice id must be a UUID.'] })
  })
})

describe('repositoryId', () => {
  test.each([
    'suno/bark',
    'mozilla/common_voice',
    'a/b',
    'Foo-BAR/foo.bar_1-2',
    '_x/y_',
    `${'a'.repeat(31)}/${'b'.repeat(96)}`,
    `${'a'.repeat(96)}/b`,
    'foo/git',
    'foo/a.gitx',
  ])('V7: takes %j', (value) => {
    expect(tried(repositoryId(), ` ${value} `)).toEqual({ out: value })
  })

  test.each([
    '',
    'suno',
    'a/b/c',
    'datasets/a/b',
    '/a',
    'a/',
    '../etc/passwd',
    'a/..',
    '../a',
    './a',
    'a/.b',
    'a/b.',
    '-a/b',
    'a/b-',
    'a-/b',
    'a/b--c',
    'a/b..c',
    'a/b.git',
    'a b/c',
    'a/b?x',
    'a/b#x',
    'a\\b',
    'a/café',
    'a/b\0',
    'a/b\nc',
    'https://evil.example/x',
    `a/${'b'.repeat(97)}`,
    `${'a'.repeat(97)}/b`,
  ])('V7: refuses %j', (value) => {
    expect(tried(repositoryId(), value)).toEqual({ no: ['regex The repository id must look like owner/name.'] })
  })

  test('V7: 128 characters pass together, one more does not', () => {
    expect(tried(repositoryId(), `${'a'.repeat(32)}/${'b'.repeat(96)}`)).toEqual({
      no: ['max_length The repository id must have at most 128 characters.'],
    })
  })
})

describe('revision', () => {
  test.each(['main', 'v1.0', 'refs/pr/1', 'feature/a+b-c_d', 'a', '0'.repeat(40), 'f'.repeat(64), 'a-'])(
    'V6: takes %j',
    (value) => {
      expect(tried(revision(), ` ${value} `)).toEqual({ out: value })
    },
  )

  test.each([
    '',
    '-x',
    '--upload-pack=x',
    '/a',
    'a/',
    'a//b',
    'a/.b',
    '..',
    'a..b',
    '../a',
    'a.',
    'a.lock',
    'a.lock/b',
    'HEAD~1',
    'a^',
    'a:b',
    'a@{1}',
    'a b',
    'a\\b',
    'a\0',
    'ä',
    'a'.repeat(65),
  ])('V6: refuses %j', (value) => {
    expect(tried(revision(), value)).toEqual({ no: ['regex The revision must be a branch, a tag or a commit.'] })
  })
})

describe('hfToken', () => {
  test.each([`hf_${'aB'.repeat(17)}`, `hf_${'a1'.repeat(17)}`, `hf_${'a'.repeat(30)}`, `hf_${'a'.repeat(64)}`])(
    'V7: takes %j',
    (value) => {
      expect(tried(hfToken(), value)).toEqual({ out: value })
    },
  )

  test.each([
    '',
    'sk-hunter2',
    'hf_',
    `hf_${'a'.repeat(29)}`,
    `hf_${'a'.repeat(65)}`,
    `HF_${'a'.repeat(34)}`,
    `hf_${'a'.repeat(33)}-`,
    ` hf_${'a'.repeat(34)}`,
    `hf_${'a'.repeat(34)}\n`,
  ])('V7: refuses %j, and trims nothing', (value) => {
    expect(tried(hfToken(), value)).toEqual({
      no: ['regex The token must be a Hugging Face token: hf_ and 30 or more letters and digits.'],
    })
  })
})
