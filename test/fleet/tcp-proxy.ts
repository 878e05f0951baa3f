/** A network between a client and a server that can be made bad while it runs. */
import { randomBytes } from 'node:crypto'
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** What becomes of bytes: `hang` takes them and answers nothing, `garbage` answers noise, `cut` refuses connections. */
export type Weather = 'pass' | 'cut' | 'hang' | 'garbage'

/** A running proxy. */
export interface Proxy {
  readonly port: number
  /** Open connections of clients. */
  readonly connections: number
  /** Changes how it behaves, for connections that are open too. */
  be(weather: Weather, latency?: number): void
  /** Connections from now on go to another port. */
  to(port: number): void
  stop(): Promise<void>
}

/** Starts one, passing at first. `latency` holds back what clients send: a round trip takes that much longer. */
export async function startProxy(targetPort: number): Promise<Proxy> {
  let target = targetPort
  let weather: Weather = 'pass'
  let latency = 0
  let delay = new AbortController()
  const clients = new Set<Socket>()

  const accept = (client: Socket): void => {
    if (weather === 'cut') {
      client.resetAndDestroy()
      return
    }
    clients.add(client)
    const server = connect({ port: target, host: '127.0.0.1', noDelay: true })
    client.setNoDelay(true)
    const end = (): void => {
      clients.delete(client)
      client.destroy()
      server.destroy()
    }
    for (const socket of [client, server]) socket.on('error', end).on('close', end)
    let turn = Promise.resolve()
    client.on('data', (chunk) => {
      if (weather === 'garbage') client.write(randomBytes(64))
      if (weather !== 'pass') return
      if (latency === 0) return void server.write(chunk)
      // In order, each as late as the network is slow.
      const due = performance.now() + latency
      const { signal } = delay
      turn = turn.then(() => sleep(Math.max(0, due - performance.now()), undefined, { signal }).catch(() => {}))
        .then(() => void server.write(chunk))
    })
    server.on('data', (chunk) => {
      if (weather === 'pass') client.write(chunk)
    })
  }

  // On a port that is bound all the time, so nobody else gets it; refusing is a reset.
  const listener = createServer(accept)
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const address = listener.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    get connections() {
      return clients.size
    },
    be(next, ms = 0) {
      // What was swallowed or faked has left both ends out of step: they must begin anew.
      const afresh = next === 'cut' || (next === 'pass' && (weather === 'hang' || weather === 'garbage'))
      weather = next
      latency = ms
      delay.abort() // what is on its way arrives
      delay = new AbortController()
      if (afresh) { for (const client of clients) client.resetAndDestroy() }
    },
    to(port) {
      target = port
    },
    async stop() {
      for (const client of clients) client.destroy()
      await new Promise((resolve) => listener.close(resolve))
    },
  }
}
