#!/usr/bin/env node
/** The command `sallyport`: `npx sallyport audit-verify FILE`. */
import process from 'node:process'
import { auditVerify } from './audit-verify.ts'

const [command, ...args] = process.argv.slice(2)
if (command === 'audit-verify') process.exitCode = await auditVerify(args)
else {
  console.error('Usage: sallyport audit-verify [--key-file FILE] [--partial] FILE…')
  process.exitCode = 2
}
