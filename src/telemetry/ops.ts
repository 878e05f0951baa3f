/** The ops page: the state of a service on one page, live. */
export type { OpsPage, OpsPageOptions } from './ops/ops-page.ts'
export { opsPage } from './ops/ops-page.ts'
export type { AlertSource, BanSource, HealthSource, OpsAlert, OpsCheck, OpsRead, OpsSnapshot } from './ops/snapshot.ts'
export type { OpsDecision, OpsEvent, OpsNow, OpsPoint } from './ops/recorder.ts'
