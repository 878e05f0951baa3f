/** The page as HTML, whole without its script: the script finds each place by the name that it has here. */
import { HEIGHT, WIDTH } from './chart.ts'
import { SCRIPT } from './script.ts'
import { STYLE } from './style.ts'
import type { Cell, Rows, View } from './view.ts'

/** Markup. Whatever else is put into a template is text. */
class Markup {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

type Part = string | Markup | readonly Markup[]

function html(texts: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  let out = texts[0]!
  parts.forEach((part, i) => {
    const all: readonly (string | Markup)[] = typeof part === 'string' || part instanceof Markup ? [part] : part
    for (const one of all) out += one instanceof Markup ? one.text : escaped(one)
    out += texts[i + 1]!
  })
  return new Markup(out)
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (char) => ENTITIES[char]!)
}

interface Table {
  /** As in {@link View}. */
  readonly name: string
  readonly title: string
  readonly caption: string
  /** One that starts with `#` is over numbers. */
  readonly heads: readonly string[]
  /** What there is to say if there are no rows. */
  readonly none: string
  readonly wide?: boolean
}

const TABLES: readonly Table[] = [
  {
    name: 'alerts',
    title: 'Alerts',
    caption: 'Active now',
    heads: ['Alert', 'Severity', 'Value', 'For'],
    none: 'No alert is active',
  },
  {
    name: 'health',
    title: 'Health',
    caption: 'What the last checks found',
    heads: ['Check', 'Status', 'Observed'],
    none: 'No checks',
  },
  {
    name: 'decisions',
    title: 'Guards',
    caption: 'What they decided since the start',
    heads: ['Guard', 'Code', 'Decision', '#Count'],
    none: 'Nothing was refused',
  },
  {
    name: 'statuses',
    title: 'Statuses',
    caption: 'Of all responses since the start',
    heads: ['Status', '#Responses', '#Share'],
    none: 'No requests',
  },
  {
    name: 'limited',
    title: 'Limited most',
    caption: 'Answered with a 429, by salted hash',
    heads: ['Who', '#Requests'],
    none: 'Nobody was limited',
  },
  {
    name: 'bans',
    title: 'Bans',
    caption: 'Those that end first, by the same hash',
    heads: ['Who', '#Ends in'],
    none: 'Nobody is banned',
  },
  {
    name: 'latency',
    title: 'Latency in figures',
    caption: 'From the request to the end of its response',
    heads: ['When', '#p50', '#p95', '#p99', '#Max'],
    none: 'No requests',
  },
  {
    name: 'breakers',
    title: 'Stores',
    caption: 'Circuit breakers and failures in a row',
    heads: ['Store', 'Breaker', '#Failures'],
    none: 'No stores',
  },
  {
    name: 'events',
    title: 'Security events',
    caption: 'The last 50, the newest first; times in UTC',
    heads: ['Time', 'Decision', 'Guard', 'Code', '#Status', 'Request'],
    none: 'Nothing has happened',
    wide: true,
  },
]

function cell(given: Cell): Markup {
  if (typeof given === 'string') return html`${given}`
  return html`<span class="mark ${given[1]}">${given[0]}</span>`
}

function row(given: readonly Cell[], columns: number): Markup {
  const [first = '', ...rest] = given
  if (given.length === 1) {
    return html`
      <tr>
        <th scope="row" colspan="${String(columns)}">${cell(first)}</th>
      </tr>
    `
  }
  return html`<tr><th scope="row">${cell(first)}</th>${rest.map((one) => html`<td>${cell(one)}</td>`)}</tr>`
}

function table({ name, title, caption, heads, none, wide }: Table, rows: Rows): Markup {
  const columns = heads.length
  const ends = heads.map((head) =>
    head.startsWith('#')
      ? html`<th scope="col" class="number">${head.slice(1)}</th>`
      : html`<th scope="col">${head}</th>`
  )
  const live = name === 'alerts'
    ? html`
      aria-live="polite"
    `
    : html``
  const body = rows.length > 0 ? rows.map((one) => row(one, columns)) : html`
    <tr>
      <td colspan="${String(columns)}" class="none">${none}</td>
    </tr>
  `
  return html`
    <section class="panel ${wide === true ? 'wide' : ''}" aria-labelledby="${name}-title">
      <h2 id="${name}-title">${title}</h2>
      <table class="${name}">
        <caption>${caption}</caption>
        <thead>
          <tr>${ends}</tr>
        </thead>
        <tbody data-rows="${name}" data-none="${none}" ${live}>${body}</tbody>
      </table>
    </section>
  `
}

/** What a page is made of, beside what it shows. */
export interface PageOptions {
  readonly title: string
  /** Milliseconds between two messages. */
  readonly every: number
  readonly nonce: string
}

export function pageOf(view: View, { title, every, nonce }: PageOptions): string {
  const text = (name: string): Markup => html`<span data-text="${name}">${view.texts[name] ?? ''}</span>`
  const card = (label: string, name: string, sub: Part): Markup =>
    html`
      <div class="panel card">
        <dt>${label}</dt>
        <dd class="figure">${text(name)}</dd>
        <dd class="sub">${sub}</dd>
      </div>
    `
  const path = (name: string): Markup =>
    html`<path class="${name}" data-line="${name}" d="${view.lines[name] ?? ''}"></path>`
  const chart = (title: string, top: string, keys: readonly (readonly [string, string])[], paths: readonly string[]) =>
    html`
      <figure class="panel chart">
        <figcaption>
          <h2>${title}</h2>
          <p class="keys">${keys.map(([name, label]) =>
            html`
              <span class="key ${name}">${label}</span>
            `
          )}</p>
        </figcaption>
        <p class="scale"><span class="hidden">The scale ends at </span>${text(top)}</p>
        <svg viewBox="0 0 ${String(WIDTH)} ${String(HEIGHT)}" preserveAspectRatio="none" aria-hidden="true">
      <path class="grid" d="M0 0H${String(WIDTH)}M0 ${String(HEIGHT / 2)}H${String(WIDTH)}M0 ${String(HEIGHT)}H${String(
        WIDTH,
      )}"></path>
      ${paths.map(path)}</svg>
        <p class="ends"><span>10 min ago</span><span>now</span></p>
      </figure>
    `
  // Texts of the program, and without `</`: nothing in them can end the element.
  const own = (source: string): Markup => new Markup(source)
  return html`
    <!doctype html>
    <html lang="en" data-tone="${view.tone}" data-every="${String(every)}">
      <head>
        <meta charset="utf-8">
        <title>${title}</title>
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <meta name="robots" content="noindex, nofollow">
        <link rel="icon" href="data:,">
        <noscript><meta http-equiv="refresh" content="10"></noscript>
        <style nonce="${nonce}">${own(STYLE)}</style>
      </head>
      <body>
        <a class="skip" href="#main">Skip to the figures</a>
        <header>
          <div>
            <h1>${title}</h1>
            <p class="about">${text('about')}</p>
          </div>
          <div
            class="watch"><p class="when"><span id="live" data-state="still">Renews every 10 s</span>${html`
              <span class="at">${text('at')} UTC</span>
            `}</p><button id="pause" type="button" hidden>Pause</button></div>
        </header>
        <main id="main" tabindex="-1">
          <p class="banner" role="status">${text('status')}</p>
          <dl class="cards" aria-label="The last minute">
    ${card('Requests per second', 'rate', html`${text('total')} in all · ${text('active')} in flight`)}${card(
      'Errors',
      'errors',
      text('errorsAll'),
    )}${card('Latency, p95', 'p95', text('p50p99'))}${card('Refused since the start', 'refused', text('others'))}</dl>
          <div class="charts">
    ${chart('Latency', 'slowest', [['p50', 'p50'], ['p95', 'p95'], ['p99', 'p99']], [
      'p50',
      'p95',
      'p99',
    ])}${chart(
      'Requests',
      'fastest',
      [['rate', 'requests'], ['errors', 'errors']],
      ['rateArea', 'rate', 'errors'],
    )}</div>
          <div class="tables">
    ${TABLES.filter(({ name }) => view.rows[name] !== undefined).map((one) => table(one, view.rows[one.name]!))}</div>
        </main>
        <footer>
          <p>Figures of one process since its first request. Cards show the last minute. <a href="?json">As JSON</a></p>
        </footer>
        <script nonce="${nonce}">${own(SCRIPT)}</script>
      </body>
    </html>
  `.text
}
