/** Several processes that ask one store at the same time. */
import { join } from 'node:path'
import process from 'node:process'
import { start } from '../runtimes/processes.ts'

/** Starts a process per client named, lets all ask at once, and gives how often each was admitted. */
export async function admittedBy(
  clients: readonly string[],
  url: string,
  token: string,
  key: string,
  times: number,
): Promise<number[]> {
  const file = join(import.meta.dirname, 'counter.ts')
  const processes = await Promise.all(clients.map((client) => {
    return start(client, process.execPath, [file, client, url, token, key, String(times)], /ready/)
  }))
  for (const { child } of processes) child.stdin?.write('go\n')
  return Promise.all(processes.map(async ({ exit, output }) => {
    await exit
    const admitted = /admitted (\d+)/.exec(output())
    if (admitted === null) throw new Error(output())
    return Number(admitted[1])
  }))
}
