/** Work that outlives its response, held until it is done: what `waitUntil` is on runtimes that have none. */
export class Background {
  readonly #pending = new Set<Promise<void>>()

  /** Holds `work` until it settles. A rejection ends here: nobody is left to tell. Safe to detach. */
  readonly waitUntil: (work: Promise<unknown>) => void = (work) => {
    const settled: Promise<void> = Promise.resolve(work).then(
      () => void this.#pending.delete(settled),
      () => void this.#pending.delete(settled),
    )
    this.#pending.add(settled)
  }

  /** How many are not done. */
  get size(): number {
    return this.#pending.size
  }

  /** Resolves when nothing is left, work that was added meanwhile included. */
  async drain(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending)
  }
}
