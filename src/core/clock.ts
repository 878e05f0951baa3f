/**
 * Where time comes from.
 *
 * Nothing in `src` reads a clock but through this interface, and never while a wrapper is made: on Workers time stands
 * still between I/O and is zero at module scope. Wall time may jump (NTP, a suspended laptop); elapsed time may not.
 */
export interface Clock {
  /** Milliseconds since 1970, as the machine believes. May jump either way. */
  now(): number
  /** Milliseconds since some fixed moment. Never runs backwards; may stand still. */
  monotonic(): number
}

/** The clock of the runtime. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
}
