/** Runs on Deno: a store over Deno KV, for the tests to talk to. `kv-server.ts FILE [PREFIX]`. */
import { createContext } from '../../src/core/context.ts'
import type { KvLike } from '../../src/stores/deno-kv-transactions.ts'
import { denoKvStore } from '../../src/stores/deno-kv.ts'
import { attach } from '../runtimes/drivers/attach.ts'
import { answer } from './remote.ts'

interface DenoGlobal {
  readonly args: readonly string[]
  openKv(path: string | undefined): Promise<KvLike>
  serve(
    options: { readonly port: number; readonly hostname: string; readonly onListen: () => void },
    handler: (request: Request) => Promise<Response>,
  ): { readonly addr: { readonly port: number } }
}

const { args, openKv, serve } = (globalThis as unknown as { readonly Deno: DenoGlobal }).Deno
const store = denoKvStore(() => openKv(args[0]))
const context = createContext()
const { addr } = serve({ port: 0, hostname: '127.0.0.1', onListen: () => {} }, (request) => {
  return answer(store, request, context)
})
attach(addr)
