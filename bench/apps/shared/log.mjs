// One pino for every app that logs with pino: to a file, without blocking, without the two base fields
// (pid, hostname) that nobody else writes.
import pino from 'pino'
import { LOG_FILE } from './lifecycle.mjs'

export const pinoOptions = { base: null }
export const logFile = () => pino.destination({ dest: LOG_FILE, sync: false })
export const createPino = () => pino(pinoOptions, logFile())
