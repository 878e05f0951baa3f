// sallyport from its sources: Node, Bun and Deno drop the types and nothing else.
export * from '../../../src/index.ts'
export { jsonBody } from '../../../src/input/json-body.ts'
