/**
 * The ops page in a real Chromium, served by a real server. Its screenshots are in `docs/`: with `SCREENSHOTS=1` this test
 * takes them anew.
 */
import { mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { chromium } from 'playwright-core'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { NodeServer, ServeOptions } from '../../adapters/node.ts'
import { serve } from '../../adapters/node.ts'
import { CHROMIUM, debianBinary } from '../debian.ts'
import { virtualClock } from '../helpers.ts'
import type { Service, ServiceOptions } from './service.ts'
import { service, traffic } from './service.ts'

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
const DESKTOP = { width: 1_120, height: 900 }
const PHONE = { width: 360, height: 780 }

let browser: Browser
const open: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  browser = await chromium.launch({ executablePath: await debianBinary(CHROMIUM), headless: true, args: FLAGS })
})
afterAll(() => browser?.close())
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

interface Served extends Service {
  readonly server: NodeServer
  /** Requests to the service itself, one after the other. */
  readonly ask: (path: string, times?: number) => Promise<void>
}

async function served(options: ServiceOptions = {}, serving: ServeOptions = {}, once = true): Promise<Served> {
  const made = service(options)
  const server = await serve(made.app, { port: 0, clock: options.clock, drain: '1s', ...serving })
  if (once) open.push(server.close)
  const ask = async (path: string, times = 1): Promise<void> => {
    for (let i = 0; i < times; i++) await (await fetch(server.url + path)).arrayBuffer()
  }
  return { ...made, server, ask }
}

/** A page, and whatever the browser complains of. */
async function tab(url: string, options: BrowserContextOptions = {}): Promise<{ page: Page; complaints: string[] }> {
  const context = await browser.newContext({ viewport: DESKTOP, ...options })
  open.push(() => context.close())
  const complaints: string[] = []
  const page = await context.newPage()
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  page.on('request', (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith('data:')) {
      complaints.push(`asks for ${request.url()}`)
    }
  })
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      console.error(`violation of ${event.violatedDirective}: ${event.blockedURI}`)
    })
  })
  await page.goto(url)
  return { page, complaints }
}

const text = (page: Page, name: string): Promise<string | null> => page.locator(`[data-text=${name}]`).textContent()
const state = (page: Page, name: string) => page.locator(`#live[data-state=${name}]`).waitFor({ timeout: 20_000 })

/** All that the page shows, by place. */
function everything(page: Page): Promise<Record<string, string>> {
  return page.evaluate(() =>
    Object.fromEntries([
      ...[...document.querySelectorAll<HTMLElement>('[data-text]')].map((
        one,
      ) => [one.dataset['text'], one.textContent]),
      ...[...document.querySelectorAll<HTMLElement>('[data-rows]')].map((one) => [one.dataset['rows'], one.innerHTML]),
      ...[...document.querySelectorAll<SVGElement>('[data-line]')].map((one) => [
        one.dataset['line'],
        one.getAttribute('d'),
      ]),
    ])
  )
}

describe('live', () => {
  test('figures change by themselves, without a complaint of the browser', async () => {
    const { server, ask, switches } = await served()
    const { page, complaints } = await tab(`${server.url}/ops`)
    await state(page, 'live')
    expect(await text(page, 'total')).toBe('0')
    expect(await text(page, 'status')).toBe('All is well')
    await page.evaluate(() => Object.assign(window, { sameDocument: true }))

    await ask('/hello', 7)
    await ask('/limited', 5)
    await expect.poll(() => text(page, 'total')).toBe('12')
    expect(await page.locator('[data-rows=decisions] tr').allInnerTexts()).toEqual([
      expect.stringMatching(/^rate-limit\s+rate-limit-exceeded\s+refused\s+2$/),
    ])
    expect(await page.locator('[data-rows=limited] th').innerText()).toMatch(/^address [\da-f]{12}$/)
    expect(await page.locator('[data-rows=events] tr').count()).toBe(2)

    switches.alerts = [{ name: 'error rate', severity: 'critical', value: 7, threshold: 5, unit: '%' }]
    await expect.poll(() => text(page, 'status')).toBe('Alert: error rate')
    expect(await page.locator('html').getAttribute('data-tone')).toBe('bad')
    switches.alerts = []
    switches.storeIsOut = true
    await ask('/limited', 6)
    await expect.poll(() => text(page, 'status')).toBe('Store out: limits')
    expect(await page.locator('[data-rows=breakers] .mark').innerText()).toMatch(/^(?:open|half-open)$/)
    switches.storeIsOut = false

    expect(await page.evaluate(() => 'sameDocument' in window)).toBe(true)
    expect(complaints).toEqual([])
  })

  test('the policy holds: no text becomes markup, no script runs that is not the page’s', async () => {
    const { server } = await served()
    const { page, complaints } = await tab(`${server.url}/ops`)
    await state(page, 'live')
    const markup = await page.evaluate(() => {
      try {
        document.body.innerHTML = '<b>no</b>'
        return 'taken'
      } catch (error) {
        return (error as Error).name
      }
    })
    expect(markup).toBe('TypeError')
    await expect.poll(() => complaints.join()).toContain('violation of require-trusted-types-for')
    await page.evaluate(() => {
      const style = document.createElement('style')
      style.textContent = 'body { display: none }'
      document.head.append(style)
    })
    expect(await page.locator('body').isVisible()).toBe(true)
  })

  test('it can be paused, from the keyboard, and goes on when asked', async () => {
    const { server, ask } = await served()
    const { page } = await tab(`${server.url}/ops`)
    await state(page, 'live')
    await page.locator('#pause').focus()
    await page.keyboard.press('Enter')
    await state(page, 'paused')
    const total = await text(page, 'total')
    await ask('/hello', 3)
    await page.waitForTimeout(600)
    expect(await text(page, 'total')).toBe(total)
    await page.keyboard.press('Enter')
    await state(page, 'live')
    await expect.poll(() => text(page, 'total')).toBe('3')
  })

  test('a hidden page takes no seat', async () => {
    const { server } = await served({ viewers: 1 })
    const first = await tab(`${server.url}/ops`)
    await state(first.page, 'live')
    await first.page.evaluate(() => {
      Object.defineProperty(document, 'hidden', { value: true, configurable: true })
      document.dispatchEvent(new Event('visibilitychange'))
    })
    const second = await tab(`${server.url}/ops`)
    await state(second.page, 'live')
  })

  test('who finds no seat is told that nothing moves, and gets one when it is free', async () => {
    const { server, ask } = await served({ viewers: 1 })
    const first = await tab(`${server.url}/ops`)
    await state(first.page, 'live')
    await ask('/hello')
    const second = await tab(`${server.url}/ops`)
    expect(await text(second.page, 'total')).toBe('1')
    await state(second.page, 'stale')
    expect(await second.page.locator('#live').innerText()).toMatch(/^Not connected: figures of \d\d:\d\d:\d\d$/)
    await first.page.close()
    await state(second.page, 'live')
  })

  test('when the server is away the page says so, and is live again when it is back', async () => {
    const { server } = await served()
    const { page } = await tab(`${server.url}/ops`)
    await state(page, 'live')
    const started = performance.now()
    await server.close()
    // The stream ends by itself: nothing had to be cut.
    expect(performance.now() - started).toBeLessThan(900)
    await state(page, 'stale')
    const again = await served({}, { port: server.port })
    await state(page, 'live')
    await again.ask('/hello', 2)
    await expect.poll(() => text(page, 'total')).toBe('2')
  })
})

describe('whoever looks', () => {
  const LONG = `an-unbroken-name-${'of-many-letters'.repeat(8)}`

  /** One for all of these: its clock stands still, so that all see the same figures. */
  let day: Served
  beforeAll(async () => {
    const clock = virtualClock(Date.UTC(2026, 2, 9, 13, 52))
    day = await served({ clock, limit: 10, title: 'Speech API' }, {}, false)
    await traffic(day, clock)
    day.switches.mailIsOut = true
    const since = new Date(clock.now() - 432_000).toISOString()
    day.switches.alerts = [{ name: 'event loop', severity: 'medium', value: 142, threshold: 120, unit: 'ms', since }]
  })
  afterAll(() => day?.server.close())

  test('without JavaScript: the same figures as tables, and a reload by itself', async () => {
    const { server } = day
    const scripted = await tab(`${server.url}/ops`)
    await state(scripted.page, 'live')
    const plain = await tab(`${server.url}/ops`, { javaScriptEnabled: false })
    expect(await everything(plain.page)).toEqual(await everything(scripted.page))
    expect(await plain.page.locator('table').count()).toBe(9)
    expect(await plain.page.locator('#live').innerText()).toBe('Renews every 10 s')
    expect(await plain.page.locator('#pause').isVisible()).toBe(false)
    await plain.page.waitForRequest(`${server.url}/ops`, { timeout: 20_000 })
    await shot(plain.page, 'no-js', DESKTOP.width, 1_400)
    expect(plain.complaints).toEqual([])
  })

  test('on a phone nothing has to be scrolled sideways, whatever the names', async () => {
    const { server, switches, ask } = await served({ check: LONG, title: LONG, version: LONG })
    await ask('/limited', 30)
    switches.alerts = [{ name: LONG, severity: LONG, value: 1, threshold: 2, unit: LONG }]
    for (const width of [320, 360, 768, 1_120]) {
      const { page } = await tab(`${server.url}/ops`, { viewport: { width, height: 780 } })
      await state(page, 'live')
      const wider = await page.evaluate(() =>
        [document.documentElement, ...document.querySelectorAll('main *')].filter((one) =>
          one.scrollWidth > one.clientWidth && one.clientWidth > 1 && !one.matches('.mark, svg, svg *')
        ).map((one) => `${one.tagName} ${one.className} ${one.scrollWidth} ${one.clientWidth}`)
      )
      expect(wider).toEqual([])
    }
  })

  test('by day and by night every text has a contrast of 4.5 at least', async () => {
    const { server, switches, ask } = await served()
    await ask('/limited', 30)
    await ask('/broken')
    for (const severity of ['medium', 'critical']) {
      switches.alerts = [{ name: 'event loop', severity }]
      for (const colorScheme of ['light', 'dark'] as const) {
        const { page } = await tab(`${server.url}/ops`, { colorScheme })
        await state(page, 'live')
        await page.locator('.skip').focus()
        const [ground, poor] = await page.evaluate(contrasts)
        expect(poor).toEqual([])
        expect(ground).toBe(colorScheme === 'dark' ? 'rgb(14, 18, 24)' : 'rgb(245, 246, 248)')
      }
    }
  })

  test('with a keyboard: everything is reached in order, and what has the focus shows it', async () => {
    const { server } = day
    const { page } = await tab(`${server.url}/ops`)
    await state(page, 'live')
    const reached: string[] = []
    for (let i = 0; i < 3; i++) {
      await page.keyboard.press('Tab')
      const [name, outline] = await page.evaluate(() => {
        const one = document.activeElement as HTMLElement
        return [one.innerText, getComputedStyle(one).outlineStyle] as const
      })
      reached.push(name)
      expect(outline).toBe('solid')
    }
    expect(reached).toEqual(['Skip to the figures', 'Pause', 'As JSON'])
    await page.keyboard.press('Shift+Tab')
    await page.keyboard.press('Shift+Tab')
    await page.keyboard.press('Enter')
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('main')
  })

  test('with a screen reader: headings in order, tables with captions and heads, and a status that is spoken', async () => {
    const { server } = day
    const { page } = await tab(`${server.url}/ops`)
    await state(page, 'live')
    const found = await page.evaluate(() => ({
      levels: [...document.querySelectorAll('h1,h2,h3')].map((one) => one.tagName).join(' '),
      bare:
        [...document.querySelectorAll('table')].filter((one) =>
          (one.caption?.textContent ?? '') === '' || one.querySelector('thead th:not([scope=col])') !== null ||
          one.querySelector('tbody th:not([scope=row])') !== null
        ).length,
      spoken: [...document.querySelectorAll('[role=status],[aria-live=polite]')].map((one) =>
        one.className || (one as HTMLElement).dataset['rows']
      ),
      language: document.documentElement.lang,
    }))
    expect(found.levels).toMatch(/^H1( H2)+$/)
    expect(found).toMatchObject({ bare: 0, spoken: ['banner', 'alerts'], language: 'en' })
  })

  test('nothing moves but the figures', async () => {
    const { server } = day
    const { page } = await tab(`${server.url}/ops`)
    await state(page, 'live')
    expect(await page.evaluate(() => document.getAnimations().length)).toBe(0)
  })

  test('names that are markup are names', async () => {
    const evil = `</script><script>alert(1)</script><img src=x onerror=alert(2)>`
    const { server, switches } = await served({ check: evil, title: evil, version: evil })
    switches.alerts = [{ name: evil, severity: evil, unit: evil, value: 1, since: evil }]
    const { page, complaints } = await tab(`${server.url}/ops`)
    await state(page, 'live')
    switches.alerts = [...switches.alerts, { name: `${evil}2`, severity: evil }]
    await expect.poll(() => page.locator('[data-rows=alerts] tr').count()).toBe(2)
    expect(await page.locator('[data-rows=alerts] th').allInnerTexts()).toEqual([evil, `${evil}2`])
    expect(await page.locator('[data-rows=health] th').first().innerText()).toBe(evil)
    expect(await page.locator('h1').innerText()).toBe(evil)
    expect(await page.title()).toBe(evil)
    expect(await page.locator('img').count()).toBe(0)
    expect(complaints).toEqual([])
  })

  test('it looks as in the manual, and the pictures are small', async () => {
    const { server } = day
    const light = await tab(`${server.url}/ops`)
    await state(light.page, 'live')
    await shot(light.page, 'light', DESKTOP.width, 1_400)
    const night = await tab(`${server.url}/ops`, { viewport: PHONE, colorScheme: 'dark' })
    await state(night.page, 'live')
    await shot(night.page, 'dark-phone', PHONE.width, 1_960)
  })
})

/** In the page: its ground, and what has too little contrast against what is behind it. */
function contrasts(): readonly [string, string[]] {
  const parts = (color: string): number[] => (color.match(/[\d.]+/g) ?? []).map(Number)
  const luminance = (color: string): number => {
    const [r, g, b] = parts(color).map((part) => {
      const share = part / 255
      return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!
  }
  const behind = (one: Element | null): string => {
    for (; one !== null; one = one.parentElement) {
      const color = getComputedStyle(one).backgroundColor
      if (color !== 'rgba(0, 0, 0, 0)') return color
    }
    return 'rgb(255, 255, 255)'
  }
  const poor: string[] = []
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  for (let node = texts.nextNode(); node !== null; node = texts.nextNode()) {
    const one = node.parentElement!
    if (node.textContent!.trim() === '' || one.matches('script, style, noscript')) continue
    const [dark, light] = [luminance(getComputedStyle(one).color), luminance(behind(one))].sort((a, b) => a - b)
    const contrast = (light! + 0.05) / (dark! + 0.05)
    if (contrast < 4.5) poor.push(`${contrast.toFixed(2)} ${node.textContent!.slice(0, 40)}`)
  }
  return [getComputedStyle(document.body).backgroundColor, poor]
}

async function shot(page: Page, name: string, width: number, height: number): Promise<void> {
  const folder = join(import.meta.dirname, process.env['SCREENSHOTS'] ? '../../docs' : '../../.tmp/ops-page')
  mkdirSync(folder, { recursive: true })
  const path = join(folder, `ops-page-${name}.png`)
  await page.screenshot({ path, fullPage: true, clip: { x: 0, y: 0, width, height }, animations: 'disabled' })
  expect(statSync(path).size).toBeLessThanOrEqual(150_000)
}
