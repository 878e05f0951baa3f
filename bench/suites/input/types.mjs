// How long TypeScript takes to check a handler behind ten wrappers and five schemas, and whether it is told everything.
// The declarations are those of the build, made for this run.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BENCH, TOP } from '../../harness/paths.mjs'
import { median, shuffled } from '../../harness/stats.mjs'
import { printTable, whole } from '../../harness/table.mjs'

const FIXTURE = join(BENCH, 'suites', 'input', 'types')
const COMPILERS = [
  { app: 'TypeScript 7', command: [join(TOP, 'node_modules', '.bin', 'tsc')] },
  {
    app: 'TypeScript 5.6',
    command: [process.execPath, join(TOP, 'node_modules', 'typescript-5.6', 'bin', 'tsc')],
    once: true,
  },
]
const PROGRAMS = ['without', 'with']

export function run({ runtimes, rounds }) {
  if (!runtimes.includes('node')) return []
  console.log(`\ninput: types of ten wrappers and five schemas, ${rounds} rounds, milliseconds`)
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-bench-'))
  try {
    const declarations = join(folder, 'declarations')
    tsc(COMPILERS[0], ['-p', join(TOP, 'tsconfig.build.json'), '--emitDeclarationOnly', '--outDir', declarations])
    const projects = Object.fromEntries(PROGRAMS.map((program) => [program, projectOf(program, folder, declarations)]))
    const rows = COMPILERS.map((compiler) => rowOf(compiler, projects, compiler.once ? 1 : rounds))
    print(rows)
    return rows
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** As strict as can be, with nothing but the Web's types. */
function projectOf(program, folder, declarations) {
  const project = join(folder, `${program}.json`)
  const compilerOptions = {
    target: 'es2022',
    lib: ['es2023', 'dom', 'dom.iterable', 'dom.asynciterable'],
    types: [],
    module: 'nodenext',
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    allowImportingTsExtensions: true,
    skipLibCheck: true,
    noEmit: true,
    paths: { sallyport: [join(declarations, 'src', 'index.d.ts')] },
  }
  writeFileSync(project, JSON.stringify({ compilerOptions, files: [join(FIXTURE, `${program}.ts`)] }))
  return project
}

function rowOf(compiler, projects, rounds) {
  const times = Object.fromEntries(PROGRAMS.map((program) => [program, []]))
  const faults = []
  for (let round = 0; round < rounds; round++) {
    for (const program of shuffled(PROGRAMS)) {
      const { milliseconds, fault } = tsc(compiler, ['-p', projects[program]])
      times[program].push(milliseconds)
      if (fault !== undefined) faults.push(fault)
    }
  }
  if (faults.length > 0) {
    process.exitCode = 1
    console.log(`FAILED  ${compiler.app}: ${faults[0]}`)
  }
  const added = median(times.with.map((milliseconds, round) => milliseconds - times.without[round]))
  return { app: compiler.app, without: median(times.without), with: median(times.with), added, faults: faults.length }
}

function tsc({ command: [program, ...before] }, args) {
  const began = performance.now()
  const { status, stdout } = spawnSync(program, [...before, ...args], { cwd: FIXTURE, encoding: 'utf8' })
  const milliseconds = performance.now() - began
  return status === 0 ? { milliseconds } : { milliseconds, fault: stdout.split('\n')[0] }
}

function print(rows) {
  printTable(
    ['compiler', 'without the pipeline', 'with it', 'adds', 'faults'],
    rows.map((row) => [row.app, whole(row.without), whole(row.with), whole(row.added), String(row.faults)]),
  )
}

export function targets([row]) {
  return [
    { what: 'types: s that the pipeline adds to TypeScript 7', value: row && row.added / 1_000, most: 1 },
    { what: 'types: programs that do not compile as they claim', value: row?.faults, most: 0 },
  ]
}
