// Run by ../rest.mjs: the REST front in a process of its own, until its stdin ends.
import { startRestFront } from '../../../../test/fleet/rest-front.ts'

const { url, token } = await startRestFront(Number(process.argv[2]))
console.log(JSON.stringify({ url, token }))
process.stdin.resume().once('end', () => process.exit())
