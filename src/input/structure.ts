/**
 * Looks at a value before any schema does: is it small and plain enough to walk?
 *
 * Validators, loggers and `JSON.stringify` recurse: 5,000 levels, which fit in 10 KB, make them throw. Keys such as
 * `__proto__` turn a merge into a back door. So this walks first, with a list and not by recursion.
 */

/** What input may be made of. */
export interface StructureLimits {
  /** Levels of nesting. (32) */
  readonly depth?: number | undefined
  /** Keys of all objects together. (1,000) */
  readonly keys?: number | undefined
  /** Items of all arrays together. (10,000) */
  readonly items?: number | undefined
  /** Characters of one string. (1,000,000) */
  readonly characters?: number | undefined
}

/** What is wrong: too much of something, or a key that no input may have. */
export type StructureFault = 'input-too-complex' | 'key-forbidden'

/** What holds where nothing else is said. */
export const STRUCTURE: { readonly [Limit in keyof StructureLimits]-?: number } = {
  depth: 32,
  keys: 1_000,
  items: 10_000,
  characters: 1_000_000,
}

/**
 * A fault, or `undefined`. Takes time in proportion to what the limits allow, also of a value that holds itself. Looks
 * into arrays and plain objects: a `File`, a `Date` or what else has a class is one value.
 */
export function structureFault(value: unknown, limits: StructureLimits = {}): StructureFault | undefined {
  const { depth = STRUCTURE.depth, characters = STRUCTURE.characters } = limits
  let { keys = STRUCTURE.keys, items = STRUCTURE.items } = limits
  if (typeof value === 'string') return value.length > characters ? 'input-too-complex' : undefined
  if (!isContainer(value)) return undefined
  let one = value
  let level = 1
  let at = 0
  let waiting: Waiting | undefined
  for (;;) {
    if (level > depth) return 'input-too-complex'
    let inner: object | undefined
    if (Array.isArray(one)) {
      if (at === 0 && (items -= one.length) < 0) return 'input-too-complex'
      while (at < one.length && inner === undefined) {
        const item: unknown = one[at++]
        if (typeof item === 'string') {
          if (item.length > characters) return 'input-too-complex'
        } else if (isContainer(item)) inner = item
      }
      if (inner !== undefined && at < one.length) waiting = { one, level, at, next: waiting }
    } else if (isPlain(one)) {
      for (const key in one) {
        if (--keys < 0 || key.length > characters) return 'input-too-complex'
        if (isForbidden(key)) return 'key-forbidden'
        const item = (one as Record<string, unknown>)[key]
        if (typeof item === 'string') {
          if (item.length > characters) return 'input-too-complex'
        } else if (isContainer(item)) waiting = { one: item, level: level + 1, at: 0, next: waiting }
      }
    }
    if (inner !== undefined) {
      one = inner
      level++
      at = 0
    } else if (waiting !== undefined) ({ one, level, at, next: waiting } = waiting)
    else return undefined
  }
}

/** What is still to be looked at: an object, or an array from some item on. A list, for most values need none. */
interface Waiting {
  readonly one: object
  readonly level: number
  readonly at: number
  readonly next: Waiting | undefined
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/** Made by a literal or without a prototype, be it in another realm: there every `Object.prototype` ends the chain too. */
export function isPlain(value: object): value is Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null || Object.getPrototypeOf(prototype) === null
}

function isForbidden(key: string): boolean {
  // The lengths first, which tell almost all keys apart without looking at them.
  if (key.length === 9) return key === '__proto__' || key === 'prototype'
  return key.length === 11 && key === 'constructor'
}
