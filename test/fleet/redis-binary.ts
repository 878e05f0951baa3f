/** Where a redis-server is: on PATH, else Debian's, see {@link debianBinary}. */
import { debianBinary, REDIS } from '../debian.ts'

/** The path of a redis-server that runs here. */
export function redisBinary(): Promise<string> {
  return debianBinary(REDIS)
}
