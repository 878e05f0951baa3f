import { configDefaults, defineConfig } from 'vitest/config'
import { StoreMatrix } from './test/fleet/matrix.ts'

const report = process.env['VITEST_JSON']
const apart = ['fleet', 'runtimes', 'node22', 'pack', 'pages', 'readme', 'types'].map((folder) => `test/${folder}/**`)
const TIMED = 'test/fleet/faults.test.ts'
const aboutTheRepository = ['test/house.test.ts', 'test/platform.test.ts', 'test/size.test.ts']

export default defineConfig({
  test: {
    maxWorkers: 2, // many tests wait: for servers, deadlines, other processes
    reporters: [
      'default',
      new StoreMatrix(),
      ...(report ? [['json', { outputFile: report }] as ['json', { outputFile: string }]] : []),
    ],
    projects: [
      {
        test: {
          name: 'unit', // runs on Bun and Deno too: nothing here may need Node
          include: ['test/**/*.test.ts'],
          exclude: [...configDefaults.exclude, ...apart, ...aboutTheRepository],
          testTimeout: 30_000, // some look at millions of things, and another runtime may be at work beside them
        },
      },
      {
        test: { name: 'house', include: aboutTheRepository, testTimeout: 30_000 },
      },
      {
        test: {
          name: 'runtimes',
          include: ['test/runtimes/**/*.test.ts'],
          globalSetup: ['test/runtimes/setup.ts'],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: 'fleet', // stores that processes share, each real: Redis, its REST front, workerd, Deno KV
          include: ['test/fleet/**/*.test.ts'],
          exclude: [...configDefaults.exclude, TIMED],
          testTimeout: 30_000,
          hookTimeout: 120_000, // the first run on a machine fetches Redis
        },
      },
      {
        test: {
          name: 'faults', // after all others: it measures how long requests take
          include: [TIMED],
          testTimeout: 30_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'pages', // in a real Chromium and by promtool, both Debian's: the first run on a machine fetches them
          include: ['test/pages/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 300_000,
        },
      },
      {
        test: { name: 'pack', include: ['test/pack/**/*.test.ts'], testTimeout: 60_000, hookTimeout: 60_000 },
      },
      {
        test: { name: 'readme', include: ['test/readme/**/*.test.ts'], testTimeout: 60_000 },
      },
      {
        test: {
          name: 'types',
          include: [],
          typecheck: {
            enabled: true,
            only: true,
            include: ['test/types/**/*.test-d.ts'],
            tsconfig: './tsconfig.oldest.json',
          },
        },
      },
    ],
  },
})
