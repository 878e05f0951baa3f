import process from 'node:process'

/** Says where it listens; ends with whoever started it, however that came about. */
export function attached({ url, close }: { readonly url: string; readonly close: () => Promise<void> }): void {
  const end = (): void => void close().finally(() => process.exit(0))
  process.on('SIGTERM', end)
  process.stdin.resume().on('end', end)
  console.log(`listening on ${url}`)
}
