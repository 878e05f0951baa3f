// What the apps that are observed have in common.
import process from 'node:process'

/** Where spans go: the bench listens there. */
export const COLLECTOR = process.env.BENCH_COLLECTOR ?? 'http://127.0.0.1:4318'
export const METRICS_PATH = '/metrics'
/** The share of traces that are recorded. */
export const RATIO = Number(process.env.BENCH_RATIO ?? 1)
