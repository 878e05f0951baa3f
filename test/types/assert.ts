/** Assertions about types: nothing here runs. */

/** Are they the same type, `any` told apart from everything else? */
export type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

/** The same type once intersections are written out. */
export type Same<A, B> = Equal<{ [K in keyof A]: A[K] }, { [K in keyof B]: B[K] }>

export type IsAny<T> = 0 extends 1 & T ? true : false
export type IsNever<T> = [T] extends [never] ? true : false

export declare const yes: <_ extends true>() => void
export declare const no: <_ extends false>() => void
