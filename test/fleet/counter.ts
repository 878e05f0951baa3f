/** A process of a fleet: when told so, asks many times at once, and says how often it was admitted. */
import process from 'node:process'
import { createContext } from '../../src/core/context.ts'
import { limitSet } from '../../src/core/store.ts'
import { type ClientName, connected, overRest } from './clients.ts'

const [name, url = '', token = '', key = '', times = '0'] = process.argv.slice(2)
const { store } = name === 'upstash'
  ? { store: await overRest(url, token, {}, 20_000) }
  : await connected(name as ClientName, url)
const set = limitSet([
  { name: 'fleet', quota: 50, window: 60_000, algorithm: 'sliding-window' },
  { name: 'day', quota: 60, window: 86_400_000, algorithm: 'token-bucket' },
])
process.stdin.on('end', () => process.exit())
process.stdin.once('data', () => {
  const call = createContext()
  const asked = Array.from({ length: Number(times) }, () => store.consume(set, key, [1, 1], call))
  void Promise.all(asked).then((verdicts) => {
    console.log(`admitted ${verdicts.filter((verdict) => verdict?.allowed).length}`)
    process.exit()
  })
})
console.log('ready')
