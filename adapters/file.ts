/** Log lines in files, on Node, Bun and Deno: `accessLog({ write: fileLines('access.log') })`. Needs no other package. */
export type { FileLines, FileLinesOptions } from './node/file-lines.ts'
export { fileLines } from './node/file-lines.ts'
