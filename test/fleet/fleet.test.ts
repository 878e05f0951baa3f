import { spawnSync } from 'node:child_process'
import process from 'node:process'
import { expect, test } from 'vitest'
import { root } from '../runtimes/processes.ts'

test('npm run fleet: one limit across Node, Bun, Deno and workerd on one Redis', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['examples/fleet/main.ts'], {
    cwd: root,
    encoding: 'utf8',
    timeout: 60_000,
  })
  expect(stderr).toBe('')
  expect(stdout).toContain('admitted 50 of 50, refused 150')
  for (const runtime of ['node', 'bun', 'deno', 'workerd']) expect(stdout).toMatch(new RegExp(`^${runtime} `, 'm'))
  expect(status).toBe(0)
}, 90_000)
