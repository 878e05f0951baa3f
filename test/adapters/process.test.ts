import { afterEach, beforeEach, expect, test } from 'vitest'
import { closeOnSignal, onUncaught } from '../../adapters/shared/process.ts'
import type { LogRecord } from '../../src/core/log.ts'
import { recorder } from '../helpers.ts'
import { delay } from './wire.ts'

type Listener = (value?: unknown) => void

/** A process that only keeps its listeners: the real one would end the tests. */
const listeners = new Map<string, Set<Listener>>()
const exits: number[] = []
const real = Object.getOwnPropertyDescriptor(globalThis, 'process')!
const fake = {
  on: (event: string, listener: Listener) =>
    void listeners.set(event, (listeners.get(event) ?? new Set<Listener>()).add(listener)),
  off: (event: string, listener: Listener) => void listeners.get(event)?.delete(listener),
  exit: (code: number) => void exits.push(code),
}
const emit = (event: string, value?: unknown): void => {
  for (const listener of listeners.get(event) ?? []) listener(value)
}
/** Calls `make` where `process` is the fake. */
function within<T>(make: () => T): T {
  Object.defineProperty(globalThis, 'process', { value: fake, configurable: true })
  try {
    return make()
  } finally {
    Object.defineProperty(globalThis, 'process', real)
  }
}

beforeEach(() => {
  listeners.clear()
  exits.length = 0
})
afterEach(() => Object.defineProperty(globalThis, 'process', real))

test('what nobody caught is logged with its cause, requests finish, and the process ends with 1, once', async () => {
  const { log, records } = recorder()
  let closed = 0
  within(() => onUncaught({ log, close: () => delay(20).then(() => void closed++) }))
  const error = new Error('bug', { cause: 'why' })
  emit('uncaughtException', error)
  emit('unhandledRejection', 'another')
  expect(exits).toEqual([])
  await delay(50)
  expect([closed, exits]).toEqual([1, [1]])
  expect(records.map((record: LogRecord) => [record.level, record.message, record['error']])).toEqual([
    ['error', 'uncaught exception', error],
    ['error', 'unhandled rejection', 'another'],
  ])
})

test('a close that hangs, throws or rejects does not keep the process', async () => {
  const { log } = recorder()
  within(() => onUncaught({ log, close: () => new Promise(() => {}), timeout: '20ms' }))
  emit('uncaughtException', 1)
  await delay(60)
  expect(exits).toEqual([1])
  listeners.clear()
  within(() => onUncaught({ log, close: () => Promise.reject(new Error('x')) }))
  emit('uncaughtException', 1)
  listeners.clear()
  within(() =>
    onUncaught({
      log,
      close: () => {
        throw new Error('x')
      },
    })
  )
  emit('unhandledRejection', 1)
  await delay(10)
  expect(exits).toEqual([1, 1, 1])
})

test('without close it ends at once, though the log is broken', () => {
  const ended: number[] = []
  const stop = within(() =>
    onUncaught({
      log: () => {
        throw new Error('disk full')
      },
      exit: (code) => ended.push(code),
    })
  )
  emit('uncaughtException', null)
  expect([ended, exits]).toEqual([[1], []])
  stop()
  emit('uncaughtException', null)
  expect(ended).toEqual([1])
})

test('a signal closes the server and ends the process with 0; a second one does not wait', async () => {
  let close = (): void => {}
  const server = { close: () => new Promise<void>((resolve) => close = resolve) }
  within(() => closeOnSignal(server))
  expect([...listeners.keys()]).toEqual(['SIGTERM', 'SIGINT'])
  emit('SIGTERM')
  await delay(5)
  expect(exits).toEqual([])
  emit('SIGINT')
  expect(exits).toEqual([1])
  close()
  await delay(5)
  expect(exits).toEqual([1, 0])
})

test('the signals and the exit are one`s own to choose, and it can be stopped', async () => {
  const ended: number[] = []
  const server = { close: () => Promise.reject(new Error('x')) }
  const stop = within(() => closeOnSignal(server, { signals: ['SIGHUP'], exit: (code) => ended.push(code) }))
  emit('SIGTERM')
  emit('SIGHUP')
  await delay(5)
  expect([ended, exits]).toEqual([[0], []])
  stop()
  expect(listeners.get('SIGHUP')!.size).toBe(0)
})
