/**
 * The page's script: puts the texts of each message where they belong. It formats nothing, decides nothing, and makes no markup
 * of any text. Each message is a `View`.
 */
export const SCRIPT: string = `'use strict'
{
  const root = document.documentElement
  const live = document.getElementById('live')
  const button = document.getElementById('pause')
  const table = Object.create(null)
  const shown = Object.create(null)
  const patience = Math.max(8000, 3 * root.dataset.every)
  let source
  let heard = 0
  let paused = false
  let at = document.querySelector('[data-text=at]').textContent

  const each = (name, use) => {
    for (const one of document.querySelectorAll('[data-' + name + ']')) use(one, one.dataset[name])
  }
  each('rows', (body, name) => {
    const heads = [...body.parentNode.tHead.rows[0].cells].map((cell) => cell.textContent)
    table[name] = { body, heads, none: body.dataset.none }
  })

  const state = (name, text) => {
    if (live.dataset.state === name && live.textContent === text) return
    live.dataset.state = name
    live.textContent = text
  }
  const put = (node, text) => {
    if (node.textContent !== text) node.textContent = text
  }

  const cell = (tag, given) => {
    const node = document.createElement(tag)
    if (typeof given === 'string') node.textContent = given
    else {
      const mark = document.createElement('span')
      mark.className = 'mark ' + given[1]
      mark.textContent = given[0]
      node.append(mark)
    }
    return node
  }
  const row = (given, { heads, none }) => {
    const tr = document.createElement('tr')
    given.forEach((one, i) => {
      const node = cell(i === 0 ? 'th' : 'td', one)
      if (i === 0) node.scope = 'row'
      if (given.length === 1) node.colSpan = heads.length
      tr.append(node)
    })
    if (given.length === 0) {
      const node = cell('td', none)
      node.colSpan = heads.length
      node.className = 'none'
      tr.append(node)
    }
    return tr
  }

  const show = (view) => {
    root.dataset.tone = view.tone
    each('text', (node, name) => put(node, view.texts[name] ?? ''))
    each('line', (node, name) => node.setAttribute('d', view.lines[name] ?? ''))
    for (const name in table) {
      const rows = view.rows[name] ?? []
      const text = JSON.stringify(rows)
      if (shown[name] === text) continue
      shown[name] = text
      table[name].body.replaceChildren(...(rows.length > 0 ? rows : [[]]).map((one) => row(one, table[name])))
    }
    at = view.texts.at
  }

  const stop = () => {
    if (source) source.close()
    source = undefined
  }
  const stale = () => state('stale', 'Not connected: figures of ' + at)
  const start = () => {
    stop()
    if (paused || document.hidden) return
    const mine = source = new EventSource(location.pathname + '?live')
    mine.onmessage = ({ data }) => {
      if (source !== mine) return
      heard = Date.now()
      show(JSON.parse(data))
      state('live', 'Live')
    }
    mine.onerror = () => {
      if (source !== mine) return
      if (Date.now() - heard > 3000) stale()
      // The browser tries again by itself, but not after an answer that is no stream.
      if (mine.readyState === 2) setTimeout(() => source === mine && start(), 5000)
    }
  }
  setInterval(() => {
    if (source && Date.now() - heard > patience) stale()
  }, 1000)

  button.hidden = false
  button.onclick = () => {
    paused = !paused
    button.textContent = paused ? 'Resume' : 'Pause'
    start()
    if (paused) state('paused', 'Paused: figures of ' + at)
    else state('wait', 'Connecting')
  }
  // A hidden page takes nobody's place.
  document.addEventListener('visibilitychange', start)
  heard = Date.now()
  state('wait', 'Connecting')
  start()
}
`
