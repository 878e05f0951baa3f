/**
 * Files on disk, on Node, Bun and Deno: log lines, `accessLog({ write: fileLines('access.log') })`, with rotation if
 * you want, and uploads, `folderSink('uploads')`. Needs no other package.
 */
export type { FileLines, FileLinesOptions, RotateOptions } from './node/file-lines.ts'
export { fileLines } from './node/file-lines.ts'
export type { StoredFile } from './node/folder-sink.ts'
export { folderSink } from './node/folder-sink.ts'
