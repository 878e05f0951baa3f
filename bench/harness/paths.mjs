import { fileURLToPath } from 'node:url'

export const BENCH = fileURLToPath(new URL('..', import.meta.url))
export const TOP = fileURLToPath(new URL('../..', import.meta.url))
