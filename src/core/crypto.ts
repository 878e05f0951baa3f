/** Randomness, taken per request: Workers forbid it at module scope. */

/** `bytes` random bytes in base64. */
export function randomBase64(bytes: number): string {
  return btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(bytes))))
}
