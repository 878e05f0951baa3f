/** Passwords, by what every runtime has: PBKDF2 in WebCrypto. Where scrypt or Argon2 are at hand, prefer them. */

/** The most that Workers allow. */
const ITERATIONS = 100_000

export interface PasswordHash {
  readonly salt: Uint8Array<ArrayBuffer>
  readonly hash: Uint8Array
}

export async function hashPassword(
  password: string,
  salt: Uint8Array<ArrayBuffer> = crypto.getRandomValues(new Uint8Array(16)),
): Promise<PasswordHash> {
  const key = await crypto.subtle.importKey('raw', new TextEncoder().encode(password), 'PBKDF2', false, ['deriveBits'])
  const bits = await crypto.subtle.deriveBits(
    { name: 'PBKDF2', hash: 'SHA-256', salt, iterations: ITERATIONS },
    key,
    256,
  )
  return { salt, hash: new Uint8Array(bits) }
}

/** An account that is not there takes as long to refuse as one that is. */
export async function passwordMatches(password: string, stored: PasswordHash = NOBODYS): Promise<boolean> {
  const { hash } = await hashPassword(password, stored.salt)
  let difference = 0
  for (let i = 0; i < hash.length; i++) difference |= hash[i]! ^ stored.hash[i]!
  return difference === 0
}

const NOBODYS: PasswordHash = { salt: new Uint8Array(16), hash: new Uint8Array(32) }
