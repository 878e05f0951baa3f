// CPU time from /proc, in seconds. Where there is no /proc nothing is known: CPU per request is `undefined`, and
// no slice counts as disturbed.
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const HAS_PROC = existsSync('/proc/self/stat')
const TICKS_PER_SECOND = HAS_PROC ? Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' })) : 0

/** More of one core than this, taken by other processes, and a slice counts as disturbed. */
export const MAX_FOREIGN_LOAD = 0.15
const MAX_REPEATS = 2
const PATIENCE_MS = 5_000

/**
 * Starts watching a server; the returned function tells how much CPU it has used since, with all its threads, and
 * which share of one core went to other processes: not to it, not to us, not to the load generator that we ran, and
 * not to the helpers that we name.
 */
export function watchCpu(serverPid, ...helperPids) {
  if (!HAS_PROC) return () => ({ used: undefined, foreign: 0 })
  const ours = new Set([process.pid, serverPid, ...helperPids])
  const started = { time: performance.now(), server: cpuOf(serverPid), others: cpuOfOthers(ours) }
  return () => {
    const seconds = (performance.now() - started.time) / 1000
    const others = cpuOfOthers(ours) - started.others
    return { used: cpuOf(serverPid) - started.server, foreign: Math.max(0, others) / seconds }
  }
}

/** Runs a slice, which tells its `foreign`; again, at most twice, while it is disturbed. Gives the least disturbed. */
export async function quietest(slice) {
  let best
  for (let repeats = 0; repeats <= MAX_REPEATS; repeats++) {
    if (repeats > 0) await quietMoment()
    const one = await slice()
    if (best === undefined || one.foreign < best.foreign) best = one
    if (best.foreign <= MAX_FOREIGN_LOAD) break
  }
  return best
}

/** Waits until other processes leave the machine alone, but not for ever. */
async function quietMoment() {
  for (let waited = 0; HAS_PROC && waited < PATIENCE_MS; waited += 500) {
    const watched = watchCpu(process.pid)
    await sleep(500)
    if (watched().foreign <= MAX_FOREIGN_LOAD) return
  }
}

function cpuOf(pid) {
  const { utime, stime } = statOf(pid)
  return (utime + stime) / TICKS_PER_SECOND
}

/**
 * Everybody else, with the children they have waited for: so a process that ends leaves its time in the sum. (The
 * total of /proc/stat will not do: whether it holds the loopback's interrupts apart depends on the kernel.)
 */
function cpuOfOthers(ours) {
  let ticks = 0
  for (const name of readdirSync('/proc')) {
    const pid = Number(name)
    if (Number.isNaN(pid) || ours.has(pid)) continue
    try {
      const { utime, stime, cutime, cstime } = statOf(pid)
      ticks += utime + stime + cutime + cstime
    } catch {
      // It ended between the listing and the reading.
    }
  }
  return ticks / TICKS_PER_SECOND
}

/** The times in /proc/<pid>/stat: fields 14 to 17, counted from the name, which may itself hold spaces. */
function statOf(pid) {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [utime, stime, cutime, cstime] = fields.slice(11, 15).map(Number)
  return { utime, stime, cutime, cstime }
}
