/** Who runs the service: a token, as a bearer token, or as the password that a browser asks for. */
import type { Test } from '../../src/index.ts'

/** Lets in who has the token; without one, nobody. */
export function opsOnly(token: string | undefined): Test {
  if (token === undefined || token === '') return () => false
  const known = [`Bearer ${token}`, `Basic ${btoa(`ops:${token}`)}`]
  return (request) => {
    const given = request.headers.get('authorization') ?? ''
    return known.some((one) => same(given, one))
  }
}

/** In a time that does not tell where they differ. */
function same(a: string, b: string): boolean {
  let difference = a.length ^ b.length
  for (let i = 0; i < b.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i)
  return difference === 0
}
