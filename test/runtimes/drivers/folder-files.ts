/** Uploads in a folder, on Node, Bun and Deno; it goes when the process ends. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { folderSink } from '../../../adapters/file.ts'
import type { Files } from '../input.ts'

mkdirSync('.tmp', { recursive: true })
const folder = mkdtempSync(join('.tmp', 'uploads-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

const files: Files = {
  sink: folderSink(folder),
  read: async (key) => new Response(await readFile(join(folder, key))),
  list: () => readdir(folder),
}

export const folderFiles = (): Files => files
