import type * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import {
  agentExecutionRequest,
  contentGenerationRequest,
  enhancedLoginRequest,
  enhancedRegisterRequest,
  gdprDataRequest,
  mlModelRequest,
} from '../../../src/input/schemas/agents.ts'
import { tried, wrong } from './tried.ts'

const account = { username: 'ada', email: 'ada@example.org', password: 'Abcdef1!', acceptTerms: true }

describe('lets the good through', () => {
  test.each<[name: string, schema: v.GenericSchema, value: object, more: object]>([
    ['EnhancedRegisterRequest', enhancedRegisterRequest, account, { newsletter: false }],
    ['EnhancedRegisterRequest', enhancedRegisterRequest, {
      ...account,
      fullName: "Ada O'Lovelace",
      organization: 'R & D',
      newsletter: true,
    }, {}],
    ['EnhancedLoginRequest', enhancedLoginRequest, { username: 'ada', password: 'x' }, { remember: false }],
    ['EnhancedLoginRequest', enhancedLoginRequest, {
      username: 'ada',
      password: 'x',
      code: '012345',
      remember: true,
      device: 'Phone',
    }, {}],
    ['AgentExecutionRequest', agentExecutionRequest, { agent: 'research-agent', task: 'Find <b>\n\tall' }, {
      priority: 'normal',
      timeoutSeconds: 60,
    }],
    ['AgentExecutionRequest', agentExecutionRequest, {
      agent: 'a',
      task: 'x',
      input: '{"a": 1}',
      priority: 'high',
      timeoutSeconds: 300,
    }, {}],
    ['MLModelRequest', mlModelRequest, { model: 'owner/name', inputs: ['a\nb'] }, {
      maxTokens: 256,
      temperature: 1,
      topP: 1,
    }],
    ['MLModelRequest', mlModelRequest, {
      model: 'llama3:8b-q4_0',
      inputs: Array(32).fill('x'),
      maxTokens: 8_192,
      temperature: 0,
      topP: 0.5,
    }, {}],
    ['ContentGenerationRequest', contentGenerationRequest, { kind: 'article', prompt: 'About < and >' }, {
      tone: 'neutral',
      language: 'en',
      maxWords: 500,
    }],
    ['GDPRDataRequest', gdprDataRequest, { kind: 'access', subject: 'ada@example.org' }, { format: 'json' }],
    ['GDPRDataRequest', gdprDataRequest, {
      kind: 'rectification',
      subject: 'ada@example.org',
      reason: 'My name\nhas changed.',
      format: 'csv',
    }, {}],
    ['GDPRDataRequest', gdprDataRequest, { kind: 'erasure', subject: 'ada@example.org', confirm: true }, {
      format: 'json',
    }],
  ])('V9: %s', (_name, schema, value, more) => {
    expect(tried(schema, value)).toEqual({ out: { ...value, ...more } })
    expect(tried(schema, { ...value, role: 'admin' })).toEqual({ out: { ...value, ...more } })
  })
})

describe('refuses the bad', () => {
  test.each<[name: string, schema: v.GenericSchema, value: unknown, codes: string[]]>([
    ['EnhancedRegisterRequest', enhancedRegisterRequest, {}, [
      'username object',
      'email object',
      'password object',
      'acceptTerms object',
    ]],
    ['EnhancedRegisterRequest', enhancedRegisterRequest, {
      ...account,
      acceptTerms: false,
      fullName: '<b>Ada',
      organization: '',
      newsletter: 'yes',
    }, ['fullName check', 'organization min_length', 'acceptTerms literal', 'newsletter boolean']],
    ['EnhancedRegisterRequest', enhancedRegisterRequest, { ...account, acceptTerms: 'true' }, ['acceptTerms literal']],
    ['EnhancedLoginRequest', enhancedLoginRequest, { username: 'a', password: '', code: 123_456, remember: 1 }, [
      'password min_code_points',
      'code string',
      'remember boolean',
    ]],
    ['EnhancedLoginRequest', enhancedLoginRequest, { username: 'a', password: 'x', code: '12345' }, ['code regex']],
    ['AgentExecutionRequest', agentExecutionRequest, {
      agent: '../x',
      task: ' \n ',
      input: 'x'.repeat(50_001),
      priority: 'urgent',
      timeoutSeconds: 301,
    }, ['agent slug', 'task min_length', 'input max_length', 'priority picklist', 'timeoutSeconds max_value']],
    ['AgentExecutionRequest', agentExecutionRequest, { agent: 'a', task: 'a\0b' }, ['task check']],
    ['MLModelRequest', mlModelRequest, { model: 'a', inputs: [] }, ['inputs min_length']],
    ['MLModelRequest', mlModelRequest, { model: 'a', inputs: Array(33).fill('x') }, ['inputs max_length']],
    ['MLModelRequest', mlModelRequest, { model: 'a', inputs: ['x', ''] }, ['inputs.1 min_length']],
    ['MLModelRequest', mlModelRequest, { model: 'a', inputs: 'x' }, ['inputs array']],
    ...['../a', 'a/..', 'a//b', '/a', 'a/', 'a b', 'a/b/c/d/e/f', '-a'].map((
      model,
    ): [string, v.GenericSchema, unknown, string[]] => [
      `MLModelRequest of ${model}`,
      mlModelRequest,
      { model, inputs: ['x'] },
      ['model regex'],
    ]),
    ['MLModelRequest', mlModelRequest, { model: 'a', inputs: ['x'], maxTokens: 8_193, temperature: 2.1, topP: -0.1 }, [
      'maxTokens max_value',
      'temperature max_value',
      'topP min_value',
    ]],
    ['ContentGenerationRequest', contentGenerationRequest, {
      kind: 'poem',
      prompt: '',
      tone: 'angry',
      language: 'english',
      maxWords: 9,
    }, ['kind picklist', 'prompt min_length', 'tone picklist', 'language regex', 'maxWords min_value']],
    ['GDPRDataRequest', gdprDataRequest, { kind: 'delete', subject: 'ada', format: 'xml' }, [
      'kind picklist',
      'subject email',
      'format picklist',
    ]],
    ['GDPRDataRequest', gdprDataRequest, { kind: 'access', subject: 'ada@example.org', reason: '<script>' }, [
      'reason check',
    ]],
  ])('V9: %s', (_name, schema, value, codes) => {
    expect(wrong(schema, value)).toEqual(codes)
  })

  test('V9: a rectification says what is wrong, and an erasure is meant', () => {
    const of = (kind: string, more = {}) => tried(gdprDataRequest, { kind, subject: 'ada@example.org', ...more })
    expect(of('rectification')).toEqual({ no: ['reason check The reason must say what is wrong.'] })
    expect(of('erasure')).toEqual({ no: ['confirm check An erasure must be confirmed.'] })
    expect(of('erasure', { confirm: false })).toEqual({ no: ['confirm check An erasure must be confirmed.'] })
  })
})
