import { expect, test } from 'vitest'
import { randomBase64 } from '../../src/core/crypto.ts'

test('PITFALLS 23: random text has the asked bytes and does not repeat', () => {
  const texts = Array.from({ length: 1_000 }, () => randomBase64(16))
  expect(new Set(texts).size).toBe(1_000)
  for (const text of texts) {
    expect(text).toMatch(/^[A-Za-z0-9+/]{22}==$/)
    expect(atob(text)).toHaveLength(16)
  }
})
