/** Checks of the machine and the process for `health`, on Node, Bun and Deno. Needs no other package. */
export type { CpuProbeOptions, DiskProbeOptions, EventLoopProbeOptions, MemoryProbeOptions } from './node/probes.ts'
export { cpuProbe, diskProbe, eventLoopProbe, memoryProbe, uptimeProbe } from './node/probes.ts'
