import process from 'node:process'

/** Says where it listens, and who it is; ends when the suite does, however that came about. */
export function attach({ port, pid = process.pid }: { readonly port: number; readonly pid?: number }): void {
  const end = (): void => process.exit(0)
  process.on('SIGTERM', end)
  process.stdin.resume().on('end', end)
  console.log(`LISTENING ${port} ${pid}`)
}
