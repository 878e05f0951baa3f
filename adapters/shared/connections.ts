/** Who is at the other end, by what each fetch runtime attests. Asked only when read, where asking costs. */
import type { Connection } from '../../src/core/context.ts'

/** The part of Bun's server that knows addresses. */
export interface KnowsAddress {
  requestIP(request: Request): { readonly address: string; readonly port: number } | null
}

/** What Deno calls an address: it has neither on a Unix socket. */
export interface DenoAddress {
  readonly hostname?: string
  readonly port?: number
}

/** A connection to Bun. */
export class BunConnection implements Connection {
  readonly #request: Request
  readonly #server: KnowsAddress
  #peer: { readonly address: string; readonly port: number } | null | undefined

  constructor(request: Request, server: KnowsAddress) {
    this.#request = request
    this.#server = server
  }

  get address(): string | undefined {
    return this.#asked()?.address
  }

  get port(): number | undefined {
    return this.#asked()?.port
  }

  get encrypted(): boolean {
    return this.#request.url.startsWith('https:')
  }

  #asked(): { readonly address: string; readonly port: number } | null {
    return this.#peer === undefined ? this.#peer = this.#server.requestIP(this.#request) : this.#peer
  }
}

/** A connection to Deno. */
export class DenoConnection implements Connection {
  readonly #request: Request
  readonly #info: { readonly remoteAddr: DenoAddress }

  constructor(request: Request, info: { readonly remoteAddr: DenoAddress }) {
    this.#request = request
    this.#info = info
  }

  get address(): string | undefined {
    return this.#info.remoteAddr.hostname
  }

  get port(): number | undefined {
    return this.#info.remoteAddr.port
  }

  get encrypted(): boolean {
    return this.#request.url.startsWith('https:')
  }
}

/** A connection to Cloudflare's edge, which sets the header whatever a client sent. To be used on Workers only. */
export function edgeConnection(request: Request): Connection {
  return {
    address: request.headers.get('cf-connecting-ip') ?? undefined,
    port: undefined,
    encrypted: request.url.startsWith('https:'),
  }
}
