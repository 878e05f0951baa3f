/**
 * Looks at parsed JSON before any schema does: is it small and plain enough to walk?
 *
 * Validators, loggers and `JSON.stringify` recurse: 5,000 levels, which fit in 10 KB, make them throw. Keys such as
 * `__proto__` turn a merge into a back door. So this walks first, with a list and not by recursion.
 */

/** What JSON may be made of. */
export interface StructureLimits {
  /** Levels of nesting. (32) */
  readonly depth?: number | undefined
  /** Keys of all objects together. (1,000) */
  readonly keys?: number | undefined
  /** Items of one array. (10,000) */
  readonly items?: number | undefined
  /** Characters of one string. (1,000,000) */
  readonly characters?: number | undefined
}

/** What is wrong: too much of something, or a key that no input may have. */
export type StructureFault = 'input-too-complex' | 'key-forbidden'

const FORBIDDEN: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

/** Of all objects together, unless said otherwise. */
export const KEYS = 1_000

/**
 * Has a JSON text more keys than that? Looks before JSON.parse does, which takes a quarter of a second for the 130,000 keys
 * that fit in a megabyte. Counts colons outside strings; a text too short for so many is not looked at.
 */
export function hasMoreKeys(json: string, { keys = KEYS }: StructureLimits): boolean {
  if (json.length < keys * '"":0,'.length) return false
  let left = keys
  for (let i = 0, quoted = false; i < json.length; i++) {
    const code = json.charCodeAt(i)
    if (code === 0x22) quoted = !quoted
    else if (quoted) i += code === 0x5c ? 1 : 0
    else if (code === 0x3a && --left < 0) return true
  }
  return false
}

/** The first fault, or `undefined`. Linear in the size of the value, and stops at the first limit. */
export function structureFault(value: unknown, limits: StructureLimits = {}): StructureFault | undefined {
  const { depth = 32, keys = KEYS, items = 10_000, characters = 1_000_000 } = limits
  let left = keys
  let level: unknown[] = [value]
  for (let at = 0; level.length > 0; at++) {
    const below: unknown[] = []
    for (const one of level) {
      if (typeof one === 'string' && one.length > characters) return 'input-too-complex'
      if (typeof one !== 'object' || one === null) continue
      if (at >= depth) return 'input-too-complex'
      if (Array.isArray(one)) {
        if (one.length > items) return 'input-too-complex'
        for (const item of one) if (typeof item === 'object' || typeof item === 'string') below.push(item)
        continue
      }
      for (const key in one) {
        if (--left < 0 || key.length > characters) return 'input-too-complex'
        if (FORBIDDEN.has(key)) return 'key-forbidden'
        const item = (one as Record<string, unknown>)[key]
        if (typeof item === 'object' || typeof item === 'string') below.push(item)
      }
    }
    level = below
  }
  return undefined
}
