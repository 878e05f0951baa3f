// Run by line.mjs, with milliseconds per logger: nanoseconds and bytes of one line of each, as JSON. All in this one process, in
// turn, each against the same work without the logger.
import { median, shuffled } from '../../../harness/stats.mjs'
import { quartile } from '../../input/timing.mjs'
import { LOGGERS } from './loggers.mjs'

const WARMUP_MS = 1_500
/** Shorter than what a scheduler gives at once, so that most batches are undisturbed. */
const BATCH = 20
/** So many batches before it is another's turn: on a busy server, too, the code of a line is at hand. */
const TURN = 10

const milliseconds = Number(process.argv[2])
const loggers = []
for (const { name, make } of LOGGERS) {
  const sink = counting()
  const { prepare, logged, bare } = await make(sink.take)
  verify(name, prepare, logged, sink)
  loggers.push({ name, bytes: sink.text.length, prepare, sides: { logged, bare }, nanos: { logged: [], bare: [] } })
}

const began = performance.now()
const end = began + WARMUP_MS + milliseconds * loggers.length
let warm = false
while (performance.now() < end) {
  if (!warm && performance.now() - began > WARMUP_MS) {
    warm = true
    for (const { nanos } of loggers) nanos.logged = [], nanos.bare = []
  }
  for (const { prepare, sides, nanos } of shuffled(loggers)) {
    for (const side of shuffled(['logged', 'bare'])) nanos[side].push(turn(prepare, sides[side]))
  }
}

console.log(JSON.stringify(loggers.map(({ name, bytes, nanos }) => ({
  app: name,
  bytes,
  nanos: quartile(nanos.logged) - quartile(nanos.bare),
}))))
process.exit()

/** The middle one of a turn. */
function turn(prepare, call) {
  return median(Array.from({ length: TURN }, () => batch(prepare, call)))
}

function batch(prepare, call) {
  const inputs = Array.from({ length: BATCH }, prepare)
  const started = performance.now()
  for (const input of inputs) call(input)
  return ((performance.now() - started) * 1e6) / BATCH
}

/** A sink that counts, and shows the last line. */
function counting() {
  const sink = {
    lines: 0,
    bytes: 0,
    text: '',
    take(line) {
      sink.lines++
      sink.bytes += line.length
      sink.text = line
    },
  }
  return sink
}

/** One line, with what it must have and without what it must not. */
function verify(name, prepare, logged, sink) {
  logged(prepare())
  if (process.env.BENCH_SHOW) console.error(`${name}: ${sink.text}`)
  const line = sink.text
  const lacks = [
    'GET',
    '/api/items',
    '200',
    'Firefox',
    'text/html',
    'en;q=0.',
    'gzip',
    'https://app.example/list/',
    'api.example',
  ]
    .filter((part) => !line.includes(part))
  if (sink.lines !== 1 || lacks.length > 0) throw new Error(`${name}: ${sink.lines} lines, the last without ${lacks}`)
  if (/secret-/.test(line)) throw new Error(`${name} prints a secret`)
  JSON.parse(line)
}
