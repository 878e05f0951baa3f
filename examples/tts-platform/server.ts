/** What the service has on a server, and a Worker has not: files, a machine to watch, a timer, and an end. */
import process from 'node:process'
import { fileLines, folderSink } from '../../adapters/file.ts'
import { cpuProbe, memoryProbe } from '../../adapters/probes.ts'
import { alertWebhook, type Handler, type LineSink, prettyLines, type Store, streams } from '../../src/index.ts'
import { createApp } from './app.ts'
import type { CommandLine } from './command-line.ts'
import { folders } from './command-line.ts'

/** The service, until it is closed. */
export interface Service {
  readonly handler: Handler
  readonly close: () => Promise<void>
}

export function createService(line: CommandLine, store: Store): Service {
  folders(line)
  const file = (name: string) => fileLines(`${line.logs}/${name}.log`, { rotate: true })
  const files = {
    error: file('error'),
    security: file('security'),
    rateLimit: file('rate-limit'),
    all: file('app'),
  }
  const audit = file('audit')
  // For people in a terminal, for machines elsewhere.
  const shown: LineSink = process.stdout.isTTY ? prettyLines() : (text) => console.log(text)
  const app = createApp({
    store,
    samples: folderSink(line.uploads),
    lines: [shown, streams(files)],
    audit,
    opsToken: line.opsToken,
    otlp: line.otlp,
    machine: { memory: memoryProbe, cpu: cpuProbe },
    channels: line.webhook === undefined ? [] : [alertWebhook({ url: line.webhook.url, secret: line.webhook.secret })],
  })
  const stop = app.observing.alerts.start()
  return {
    handler: app.handler,
    close: async () => {
      stop()
      await app.observing.close()
      await Promise.all([...Object.values(files), audit].map((one) => one.close()))
    },
  }
}

/** The same server, whose end is the service's. */
export function together<S extends { readonly url: string; readonly close: () => Promise<void> }>(
  server: S,
  service: Service,
): { readonly url: string; readonly close: () => Promise<void> } {
  return { url: server.url, close: () => server.close().finally(service.close) }
}
