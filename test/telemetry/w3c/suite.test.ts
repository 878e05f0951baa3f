/**
 * The W3C's tests for trace context, by their names, in our words, against our service in process: with OpenTelemetry's SDK
 * and without one. Strict level 2. How to run the originals is said in `service.ts`.
 */
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base'
import { describe, expect, test } from 'vitest'
import { contextOf, send } from '../../helpers.ts'
import { service } from './service.ts'

const TRACE = '12345678901234567890123456789012'
const SPAN = '1234567890123456'
const SAMPLED = `00-${TRACE}-${SPAN}-01`

type Fields = readonly (readonly [name: string, value: string])[]

interface Exchange {
  readonly sent: Fields
  /** The trace that the service's calls must be in; `undefined` for a new one. */
  readonly trace: string | undefined
  /** The `tracestate` of its calls. */
  readonly state: string
}

const kept = (...sent: Fields): Exchange => ({ sent, trace: TRACE, state: '' })
const fresh = (...sent: Fields): Exchange => ({ sent, trace: undefined, state: '' })
const parent = (value: string): Fields[number] => ['traceparent', value]
const state = (value: string): Fields[number] => ['tracestate', value]
/** The trace goes on; of these states this one comes out. */
const passes = (out: string, ...states: readonly string[]): Exchange => ({
  sent: [parent(`00-${TRACE}-${SPAN}-00`), ...states.map(state)],
  trace: TRACE,
  state: out,
})
const members = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => String(i + 1).padStart(2, '0')).map((n) => `bar${n}=${n}`)
const inTens = (list: readonly string[]): string[] =>
  [0, 10, 20, 30].map((start) => list.slice(start, start + 10).join(','))

const codes = (from: number, to: number): string =>
  String.fromCharCode(...Array.from({ length: to - from + 1 }, (_, i) => from + i))
const KEY = 'abcdefghijklmnopqrstuvwxyz0123456789_-*/'
const VALUE = codes(0x20, 0x2b) + codes(0x2d, 0x3c) + codes(0x3e, 0x7e)

const CASES: Readonly<Record<string, readonly Exchange[]>> = {
  test_both_traceparent_and_tracestate_missing: [fresh()],
  test_traceparent_included_tracestate_missing: [kept(parent(SAMPLED))],
  test_traceparent_duplicated: [fresh(parent(`00-${'12345678901234567890123456789011'}-${SPAN}-01`), parent(SAMPLED))],
  test_traceparent_header_name: [fresh(['trace-parent', SAMPLED]), fresh(['trace.parent', SAMPLED])],
  test_traceparent_header_name_valid_casing: [
    kept(['TraceParent', SAMPLED]),
    kept(['TrAcEpArEnT', SAMPLED]),
    kept(['TRACEPARENT', SAMPLED]),
  ],
  test_traceparent_version_0x00: [
    fresh(parent(`${SAMPLED}.`)),
    fresh(parent(`${SAMPLED}-what-the-future-will-be-like`)),
  ],
  test_traceparent_version_0xcc: [
    kept(parent(`cc-${TRACE}-${SPAN}-01`)),
    kept(parent(`cc-${TRACE}-${SPAN}-01-what-the-future-will-be-like`)),
    fresh(parent(`cc-${TRACE}-${SPAN}-01.what-the-future-will-be-like`)),
  ],
  test_traceparent_version_0xff: [fresh(parent(`ff-${TRACE}-${SPAN}-01`))],
  test_traceparent_version_illegal_characters: [
    fresh(parent(`.0-${TRACE}-${SPAN}-01`)),
    fresh(parent(`0.-${TRACE}-${SPAN}-01`)),
  ],
  test_traceparent_version_too_long: [
    fresh(parent(`000-${TRACE}-${SPAN}-01`)),
    fresh(parent(`0000-${TRACE}-${SPAN}-01`)),
  ],
  test_traceparent_version_too_short: [fresh(parent(`0-${TRACE}-${SPAN}-01`))],
  test_traceparent_trace_id_all_zero: [fresh(parent(`00-${'0'.repeat(32)}-${SPAN}-01`))],
  test_traceparent_trace_id_illegal_characters: [
    fresh(parent(`00-.${TRACE.slice(1)}-${SPAN}-01`)),
    fresh(parent(`00-${TRACE.slice(0, -1)}.-${SPAN}-01`)),
  ],
  test_traceparent_trace_id_too_long: [fresh(parent(`00-${TRACE}3-${SPAN}-01`))],
  test_traceparent_trace_id_too_short: [fresh(parent(`00-${TRACE.slice(0, -1)}-${SPAN}-01`))],
  test_traceparent_parent_id_all_zero: [fresh(parent(`00-${TRACE}-${'0'.repeat(16)}-01`))],
  test_traceparent_parent_id_illegal_characters: [
    fresh(parent(`00-${TRACE}-.${SPAN.slice(1)}-01`)),
    fresh(parent(`00-${TRACE}-${SPAN.slice(0, -1)}.-01`)),
  ],
  test_traceparent_parent_id_too_long: [fresh(parent(`00-${TRACE}-${SPAN}7-01`))],
  test_traceparent_parent_id_too_short: [fresh(parent(`00-${TRACE}-${SPAN.slice(0, -1)}-01`))],
  test_traceparent_trace_flags_illegal_characters: [
    fresh(parent(`00-${TRACE}-${SPAN}-.0`)),
    fresh(parent(`00-${TRACE}-${SPAN}-0.`)),
  ],
  test_traceparent_trace_flags_too_long: [fresh(parent(`00-${TRACE}-${SPAN}-001`))],
  test_traceparent_trace_flags_too_short: [fresh(parent(`00-${TRACE}-${SPAN}-1`))],
  test_traceparent_ows_handling: [
    kept(parent(` ${SAMPLED}`)),
    kept(parent(`\t${SAMPLED}`)),
    kept(parent(`${SAMPLED} `)),
    kept(parent(`${SAMPLED}\t`)),
    kept(parent(`\t ${SAMPLED} \t`)),
  ],
  test_tracestate_included_traceparent_missing: [fresh(state('foo=1')), fresh(state('foo=1,bar=2'))],
  test_tracestate_included_traceparent_included: [passes('foo=1,bar=2', 'foo=1,bar=2')],
  test_tracestate_header_name: [
    kept(parent(SAMPLED), ['trace-state', 'foo=1']),
    kept(parent(SAMPLED), ['trace.state', 'foo=1']),
  ],
  test_tracestate_header_name_valid_casing: ['TraceState', 'TrAcEsTaTe', 'TRACESTATE'].map((name) => ({
    ...kept(parent(SAMPLED), [name, 'foo=1']),
    state: 'foo=1',
  })),
  test_tracestate_empty_header: [passes('', ''), passes('foo=1', 'foo=1', ''), passes('foo=1', '', 'foo=1')],
  test_tracestate_multiple_headers_different_keys: [
    passes('foo=1,bar=2,rojo=1,congo=2,baz=3', 'foo=1,bar=2', 'rojo=1,congo=2', 'baz=3'),
  ],
  test_tracestate_duplicated_keys: [
    passes('', 'foo=1,foo=1'),
    passes('', 'foo=1,foo=2'),
    passes('', 'foo=1', 'foo=1'),
    passes('', 'foo=1', 'foo=2'),
  ],
  test_tracestate_all_allowed_characters: [
    passes(`${KEY}=${VALUE}`, `${KEY}=${VALUE}`),
    passes(`${KEY}@a-z0-9_-*/=${VALUE}`, `${KEY}@a-z0-9_-*/=${VALUE}`),
  ],
  test_tracestate_ows_handling: [
    passes('foo=1,bar=2,baz=3', 'foo=1 \t , \t bar=2, \t baz=3'),
    passes('foo=1,bar=2,baz=3', 'foo=1\t \t,\t \tbar=2,\t \tbaz=3'),
    ...[' foo=1', '\tfoo=1', 'foo=1 ', 'foo=1\t', '\t foo=1 \t'].map((value) => passes('foo=1', value)),
  ],
  test_tracestate_key_illegal_characters: [passes('', 'foo =1'), passes('', 'FOO=1'), passes('', 'foo.bar=1')],
  test_tracestate_key_illegal_vendor_format: [
    passes('', 'foo@=1,bar=2'),
    passes('', '@foo=1,bar=2'),
    passes('', 'foo@@bar=1,bar=2'),
    passes('', 'foo@bar@baz=1,bar=2'),
  ],
  test_tracestate_member_count_limit: [
    passes(members(32).join(','), ...inTens(members(32))),
    passes('', ...inTens(members(33))),
  ],
  test_tracestate_key_length_limit: [
    passes(`foo=1,${'z'.repeat(256)}=1`, 'foo=1', `${'z'.repeat(256)}=1`),
    passes('', 'foo=1', `${'z'.repeat(257)}=1`),
    passes(`foo=1,${'t'.repeat(241)}@${'v'.repeat(14)}=1`, 'foo=1', `${'t'.repeat(241)}@${'v'.repeat(14)}=1`),
    passes('', 'foo=1', `${'t'.repeat(242)}@v=1`),
    passes('', 'foo=1', `t@${'v'.repeat(15)}=1`),
  ],
  test_tracestate_value_illegal_characters: [passes('', 'foo=bar=baz'), passes('', 'foo=,bar=3')],
}

const SDK = new BasicTracerProvider().getTracer('w3c')

describe.each([['with the SDK', SDK], ['without one', undefined]] as const)(
  'W3C trace context, %s',
  (_name, tracer) => {
    /** The headers of `calls` calls that the service made while it answered. */
    const callbacks = async (sent: Fields, calls = 1): Promise<Headers[]> => {
      const seen: Headers[] = []
      const harness = (_input: unknown, init?: RequestInit): Promise<Response> => {
        seen.push(new Headers(init?.headers))
        return Promise.resolve(new Response('null'))
      }
      const request = new Request('http://service.test/test', {
        method: 'POST',
        headers: [
          ['content-type', 'application/json'],
          ...sent.map(([name, value]): [string, string] => [name, value]),
        ],
        body: JSON.stringify(
          Array.from({ length: calls }, (_, i) => ({ url: `http://harness.test/${i}`, arguments: [] })),
        ),
      })
      const response = await send(service(tracer, harness), request, contextOf())
      expect(await response.json()).toEqual(Array(calls).fill(200))
      return seen
    }

    const read = (headers: Headers): { trace: string; span: string } => {
      const found = /^00-([\da-f]{32})-([\da-f]{16})-0[0-3]$/.exec(headers.get('traceparent') ?? '')
      expect(found).not.toBeNull()
      const [, trace = '', span = ''] = found!
      expect(trace).not.toMatch(/^0+$/)
      expect(span).not.toMatch(/^0+$/)
      return { trace, span }
    }

    for (const [name, exchanges] of Object.entries(CASES)) {
      test(name, async () => {
        for (const exchange of exchanges) {
          const [headers] = await callbacks(exchange.sent)
          const { trace, span } = read(headers!)
          expect(span).not.toBe(SPAN)
          if (exchange.trace !== undefined) expect(trace).toBe(exchange.trace)
          else expect(exchange.sent.some(([, value]) => value.includes(trace)), 'the old trace').toBe(false)
          expect(headers!.get('tracestate') ?? '').toBe(exchange.state)
        }
      })
    }

    const three = async (...sent: Fields): Promise<{ traces: Set<string>; spans: Set<string> }> => {
      const all = (await callbacks(sent, 3)).map(read)
      return { traces: new Set(all.map(({ trace }) => trace)), spans: new Set(all.map(({ span }) => span)) }
    }

    test('test_multiple_requests_with_valid_traceparent', async () => {
      const { traces, spans } = await three(parent(SAMPLED))
      expect([...traces]).toEqual([TRACE])
      expect(spans.size).toBe(3)
    })

    test('test_multiple_requests_without_traceparent', async () => {
      expect((await three()).spans.size).toBe(3)
    })

    test('test_multiple_requests_with_illegal_traceparent', async () => {
      const { traces, spans } = await three(parent(`00-${'0'.repeat(32)}-${SPAN}-01`))
      expect(traces.has('0'.repeat(32))).toBe(false)
      expect(spans.size).toBe(3)
    })
  },
)
