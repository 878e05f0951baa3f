import { createHmac } from 'node:crypto'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createAlerts } from '../../src/telemetry/alerts.ts'
import { alertMail, alertSlack } from '../../src/telemetry/alerts/channels.ts'
import type { AlertMail } from '../../src/telemetry/alerts/channels.ts'
import type { AlertNotice } from '../../src/telemetry/alerts/notice.ts'
import { alertWebhook, signer } from '../../src/telemetry/alerts/webhook.ts'
import { recorder, virtualClock } from '../helpers.ts'

const SECRET = `whsec_${btoa('a secret of twenty-four b')}`
const OTHER = `whsec_${btoa('another secret, of more bytes than the first')}`
const { signal } = new AbortController()

const notice: AlertNotice = {
  event: 'alert:triggered',
  id: '0b4f9d0e-6a3b-4f57-9d0c-2f5b1f0f6f11',
  name: 'error-rate',
  severity: 'critical',
  value: 12.5,
  threshold: 5,
  unit: '%',
  since: '2026-01-01T00:00:00.000Z',
  time: '2026-01-01T00:05:00.000Z',
  count: 3,
  withheld: 0,
  service: 'api',
}

interface Received {
  readonly at: number
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

interface Answer {
  readonly status: number
  readonly headers?: Record<string, string>
}

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections?.()
    server.close()
  }
})

/** A receiver that answers as told, the last for ever; `'hang'` never. */
async function receiver(...answers: (Answer | 'hang')[]): Promise<{ url: string; received: Received[] }> {
  const received: Received[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8')
    request.on('data', (chunk: string) => body += chunk)
    request.on('end', () => {
      received.push({ at: performance.now(), path: request.url!, headers: request.headers, body })
      const answer = answers.length > 1 ? answers.shift()! : answers[0] ?? { status: 200 }
      if (answer !== 'hang') response.writeHead(answer.status, answer.headers).end('ok')
    })
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/services/T0/SECRETPATH`, received }
}

/** By another hand: `node:crypto`. */
function verified({ headers, body }: Received, secret: string): boolean {
  const content = `${headers['webhook-id'] as string}.${headers['webhook-timestamp'] as string}.${body}`
  const key = Uint8Array.from(atob(secret.slice('whsec_'.length)), (char) => char.charCodeAt(0))
  const mac = createHmac('sha256', key).update(content).digest('base64')
  return String(headers['webhook-signature']).split(' ').includes(`v1,${mac}`)
}

describe('the webhook', () => {
  test('its signature is that of the reference library of Standard Webhooks', async () => {
    const sign = signer(['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'])
    expect(await sign('msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}')).toBe(
      'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    )
  })

  test('posts what happened, signed, with its id and time', async () => {
    const { url, received } = await receiver()
    await alertWebhook({ url, secret: SECRET, clock: virtualClock() })(notice, signal)
    expect(received.length).toBe(1)
    const [{ headers, body }] = received as [Received]
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'webhook-id': notice.id,
      'webhook-timestamp': String(Date.UTC(2026, 0, 1) / 1_000),
    })
    expect(JSON.parse(body)).toEqual({
      type: 'alert.triggered',
      timestamp: notice.time,
      data: {
        name: 'error-rate',
        severity: 'critical',
        value: 12.5,
        threshold: 5,
        unit: '%',
        since: notice.since,
        count: 3,
        withheld: 0,
        service: 'api',
      },
    })
    expect(verified(received[0]!, SECRET)).toBe(true)
    expect(verified(received[0]!, OTHER)).toBe(false)
    expect(verified({ ...received[0]!, body: body.replace('12.5', '1.5') }, SECRET)).toBe(false)
  })

  test('of several secrets each signs', async () => {
    const { url, received } = await receiver()
    await alertWebhook({ url, secret: [OTHER, SECRET] })(notice, signal)
    expect([SECRET, OTHER].map((secret) => verified(received[0]!, secret))).toEqual([true, true])
  })

  test('tries again after a 503 or a 429, with the same id, a later time and a new signature', async () => {
    const { url, received } = await receiver(
      { status: 503, headers: { 'retry-after': '1' } },
      { status: 429 },
      { status: 204 },
    )
    await alertWebhook({ url, secret: SECRET })(notice, signal)
    expect(received.length).toBe(3)
    expect(new Set(received.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
    expect(received[1]!.at - received[0]!.at).toBeGreaterThanOrEqual(950)
    expect(Number(received[2]!.headers['webhook-timestamp'])).toBeGreaterThan(
      Number(received[0]!.headers['webhook-timestamp']),
    )
    expect(received.every((one) => verified(one, SECRET))).toBe(true)
  })

  test('gives up after three attempts, and says why without the address', async () => {
    const { url, received } = await receiver({ status: 500, headers: { 'retry-after': '0' } })
    await expect(alertWebhook({ url, secret: SECRET })(notice, signal)).rejects.toThrow(
      /^alertWebhook: the answer was 500$/,
    )
    expect(received.length).toBe(3)
  })

  test('does not try again what would end in the same way, or is asked for too late', async () => {
    for (
      const [answer, why] of [
        [{ status: 400 }, 'the answer was 400'],
        [{ status: 410 }, 'the answer was 410'],
        [{ status: 503, headers: { 'retry-after': '60' } }, 'the answer was 503'],
      ] as const
    ) {
      const { url, received } = await receiver(answer)
      await expect(alertWebhook({ url, secret: SECRET })(notice, signal)).rejects.toThrow(why)
      expect(received.length).toBe(1)
    }
  })

  test('follows no redirect', async () => {
    const elsewhere = await receiver()
    const { url, received } = await receiver({ status: 307, headers: { location: elsewhere.url } })
    await expect(alertWebhook({ url, secret: SECRET })(notice, signal)).rejects.toThrow(
      /the answer was (307|a redirect)/,
    )
    expect([received.length, elsewhere.received.length]).toEqual([1, 0])
  })

  test('ends when it is given up', async () => {
    const { url, received } = await receiver('hang')
    const deadline = new AbortController()
    const posted = alertWebhook({ url, secret: SECRET })(notice, deadline.signal)
    const given = expect(posted).rejects.toThrow(/^alertWebhook: no answer/)
    await vi.waitUntil(() => received.length > 0, { timeout: 3_000 })
    const started = performance.now()
    deadline.abort()
    await given
    expect(performance.now() - started).toBeLessThan(2_000)
    expect(received.length).toBe(1)
  })

  test('a receiver that is gone is tried three times; neither address nor secret is in the complaint', async () => {
    const { url } = await receiver()
    servers.pop()!.close()
    const { log, records } = recorder()
    const alerts = createAlerts({
      rules: [{ name: 'queue', threshold: 1, value: () => 2 }],
      channels: [alertWebhook({ url, secret: SECRET }), alertSlack({ url })],
      log,
    })
    await alerts.check()
    expect(alerts.dropped).toBe(2)
    expect(records.length).toBe(2)
    for (const { error, message } of records) {
      const text = `${message} ${String(error)} ${(error as Error).stack} ${JSON.stringify(error)}`
      expect(text).not.toMatch(/SECRETPATH|whsec|c2VjcmV0/)
      expect((error as Error).cause).toBeUndefined()
    }
  })

  test('an address without encryption is refused, unless it is this machine or said to be wanted', () => {
    const make = (url: string, dangerouslyAllowHttp?: boolean) => () =>
      alertWebhook({ url, secret: SECRET, dangerouslyAllowHttp })
    for (const url of ['https://ops.example/a', 'http://localhost:1/', 'http://127.0.0.1/', 'http://[::1]:8/']) {
      expect(make(url)).not.toThrow()
    }
    for (
      const url of [
        'http://ops.example/a',
        'http://localhost.example/',
        'http://127.0.0.1.example/',
        'ftp://a/',
        '/a',
        '',
      ]
    ) expect(make(url)).toThrow('alertWebhook: url must be an absolute https URL')
    expect(make('https://user:hunter2@ops.example/')).toThrow('url must hold no credentials')
    expect(make('ftp://a/', true)).toThrow('must be an absolute https URL')
    const weak = make('http://ops.internal/', true)()
    expect(weak['~risks']).toEqual(['alertWebhook: dangerouslyAllowHttp'])
    expect(make('https://ops.example/a')()['~risks']).toEqual([])
  })

  test('a secret that is none is refused, and not shown', () => {
    for (
      const secret of [
        '',
        'hunter2hunter2hunter2hunter2hunter2hunter2',
        `whsec_${btoa('short')}`,
        `whsec_${btoa('x'.repeat(65))}`,
        'whsec_!!!!not-base64!!!!not-base64!!!!not-base64',
        [],
        [SECRET, 'hunter2'],
        undefined,
      ]
    ) {
      let message = ''
      try {
        alertWebhook({ url: 'https://ops.example/', secret: secret as string })
      } catch (error) {
        message = (error as TypeError).message
      }
      expect(message).toMatch(/^alertWebhook: secret must /)
      expect(message).not.toContain('hunter2')
    }
    expect(() => alertWebhook({ url: 'https://ops.example/', secret: SECRET, fetch: 1 as never })).toThrow(
      'fetch must be',
    )
  })
})

describe('Slack', () => {
  test('is sent a text, and blocks within its limits', async () => {
    const { url, received } = await receiver()
    await alertSlack({ url })(notice, signal)
    const { text, blocks } = JSON.parse(received[0]!.body) as { text: string; blocks: unknown[] }
    expect(received[0]!.path).toBe('/services/T0/SECRETPATH')
    expect(text).toBe('🔴 [api] critical: error-rate is 12.5 %, threshold 5 %')
    expect(blocks).toEqual([
      { type: 'header', text: { type: 'plain_text', text } },
      {
        type: 'section',
        fields: [
          { type: 'mrkdwn', text: '*Severity*\ncritical' },
          { type: 'mrkdwn', text: '*Value*\n12.5 %' },
          { type: 'mrkdwn', text: '*Threshold*\n5 %' },
          { type: 'mrkdwn', text: '*Since*\n2026-01-01T00:00:00.000Z' },
          { type: 'mrkdwn', text: '*Times seen*\n3' },
        ],
      },
    ])
  })

  test('says when it is over, and that others wait', async () => {
    const { url, received } = await receiver()
    await alertSlack({ url })({ ...notice, event: 'alert:resolved', value: 0.4, withheld: 7 }, signal)
    expect(received[0]!.body).toContain('🟢 [api] resolved: error-rate is 0.4 %, threshold 5 %')
    expect(received[0]!.body).toContain('*Notices waiting*\\n7')
  })

  test('mentions nobody and links nowhere, whatever a notice holds', async () => {
    const { url, received } = await receiver()
    const name = `<!channel> & <https://evil.test|here> ${'x'.repeat(5_000)}`
    await alertSlack({ url })({ ...notice, name, unit: '<@U1>' }, signal)
    const { text, blocks } = JSON.parse(received[0]!.body) as {
      text: string
      blocks: [{ text: { text: string } }, object]
    }
    expect(text).toContain('&lt;!channel&gt; &amp; &lt;https://evil.test|here&gt;')
    expect(JSON.stringify(blocks[1])).not.toMatch(/[<>]/)
    expect(blocks[0].text.text.length).toBeLessThanOrEqual(150)
  })

  test('a 429 is waited out as told', async () => {
    const { url, received } = await receiver({ status: 429, headers: { 'retry-after': '1' } }, { status: 200 })
    await alertSlack({ url })(notice, signal)
    expect(received[1]!.at - received[0]!.at).toBeGreaterThanOrEqual(950)
  })
})

describe('mail', () => {
  test('has a subject and a text', async () => {
    const sent: AlertMail[] = []
    await alertMail((mail) => void sent.push(mail))(notice, signal)
    expect(sent).toEqual([{
      subject: '[api] critical: error-rate is 12.5 %, threshold 5 %',
      text:
        '[api] critical: error-rate is 12.5 %, threshold 5 %\n\nSeverity: critical\nValue: 12.5 %\nThreshold: 5 %\n' +
        'Since: 2026-01-01T00:00:00.000Z\nTimes seen: 3\n',
    }])
  })

  test('nothing becomes a header: its subject is one short line', async () => {
    const sent: AlertMail[] = []
    const name = `a\r\nBcc: everybody@evil.test\u2028\u0085\u0000${'x'.repeat(1_000)}`
    await alertMail((mail) => void sent.push(mail))({ ...notice, name, unit: '%\r\n.\r\n' }, signal)
    // deno-lint-ignore no-control-regex
    expect(sent[0]!.subject).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/)
    expect(sent[0]!.subject.length).toBeLessThanOrEqual(200)
    expect(sent[0]!.text).not.toMatch(/\r|^\.$/m)
  })

  test('needs a function', () => {
    expect(() => alertMail(undefined as never)).toThrow(TypeError)
  })
})
