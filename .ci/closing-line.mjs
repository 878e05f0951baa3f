// Sums vitest's JSON reports into the one plain closing line: closing-line.mjs FAILED_CHECKS FAILED_RUNS REPORT...
import { existsSync, readFileSync } from 'node:fs'

const [checks, runs, ...reports] = process.argv.slice(2)
let passed = 0
let failed = 0
const ran = new Set()
const skipped = new Map()

for (const name of reports) {
  const file = `.ci-out/${name}.json`
  if (!existsSync(file)) { // the runner died: never a pass
    console.log(`no report from ${name}`)
    failed += 1
    continue
  }
  const report = JSON.parse(readFileSync(file, 'utf8'))
  passed += report.numPassedTests
  failed += report.numFailedTests
  if (report.numFailedTests === 0 && !report.success) failed += 1 // a file that did not load has no tests
  for (const { assertionResults } of report.testResults) {
    for (const { fullName, status } of assertionResults) {
      if (status === 'passed' || status === 'failed') ran.add(fullName)
      else skipped.set(`${fullName} (${status} on ${name})`, fullName)
    }
  }
}

// A test may be left out on one runtime if another ran it. One that nothing ran has failed: here everything can run.
const never = [...skipped].filter(([, fullName]) => !ran.has(fullName))
for (const [said] of never.slice(0, 20)) console.log(`never ran: ${said}`)
if (skipped.size > 0) console.log(`${skipped.size} left out on a runtime, ${never.length} of them on all`)

failed = Math.max(failed, Number(runs)) + Number(checks) + never.length // a run can fail without a failed test
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed > 0 || passed === 0 ? 1 : 0)
