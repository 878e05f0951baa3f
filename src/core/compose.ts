/**
 * Wrappers in a row, outermost first. `compose(a, b, c)(handler)` is `a(b(c(handler)))`, and its type says what the
 * handler sees and what must lie outside. The overloads (one per count, to 20) are the proof; the body is a fold.
 * For more, compose compositions: `compose(compose(…), compose(…))`.
 */
import { described, descriptionsOf } from './description.ts'
import type { AnyWrapper, Handler, Wrapper } from './handler.ts'
import { risky } from './handler.ts'

/** Composes wrappers, outermost first. Folds once, when called: a request costs one call per wrapper. */
export function compose<N, A1>(
  w1: Wrapper<A1, N>,
): Wrapper<A1, N>
export function compose<N, A1, A2>(
  w1: Wrapper<A1, N>,
  w2: Wrapper<A2, NoInfer<N & A1>>,
): Wrapper<A1 & A2, N>
export function compose<N, A1, A2, A3>(
  w1: Wrapper<A1, N>,
  w2: Wrapper<A2, NoInfer<N & A1>>,
  w3: Wrapper<A3, NoInfer<N & A1 & A2>>,
): Wrapper<A1 & A2 & A3, N>
export function compose<N, A1, A2, A3, A4>(
  w1: Wrapper<A1, N>,
  w2: Wrapper<A2, NoInfer<N & A1>>,
  w3: Wrapper<A3, NoInfer<N & A1 & A2>>,
  w4: Wrapper<A4, NoInfer<N & A1 & A2 & A3>>,
): Wrapper<A1 & A2 & A3 & A4, N>
export function compose<N, A1, A2, A3, A4, A5>(
  w1: Wrapper<A1, N>,
  w2: Wrapper<A2, NoInfer<N & A1>>,
  w3: Wrapper<A3, NoInfer<N & A1 & A2>>,
  w4: Wrapper<A4, NoInfer<N & A1 & A2 & A3>>,
  w5: Wrapper<A5, NoInfer<N & A1 & A2 & A3 & A4>>,
): Wrapper<A1 & A2 & A3 & A4 & A5, N>
export function compose<N, A1, A2, A3, A4, A5, A6>(
  w1: Wrapper<A1, N>,
  w2: Wrapper<A2, NoInfer<N & A1>>,
  w3: Wrapper<A3, NoInfer<N & A1 & A2>>,
  w4: Wrapper<A4, NoInfer<N & A1 & A2 & A3>>,
  w5: Wrapper<A5, NoInfer<N & A1 & A2 & A3 & A4>>,
  w6: Wrapper<A6, NoInfer<N & A1 & A2 & A3 & A4 & A5>>,
): Wrapper<A1 & A2 & A3 & A4 & A5 & A6, N>
export function compose<N, A1, A2, A3, A4, A5, A6, A7>(
  w1: Wrapper<A1, N>,
  w2: Wrapper<A2, NoInfer<N & A1>>,
  w3: Wrapper<A3, NoInfer<N & A1 & A2>>,
  w4: Wrapper<A4, NoInfer<N & A1 & A2 & A3>>,
  w5: Wrapper<A5, NoInfer<N & A1 & A2 & A3 & A4>>,
  w6: Wrapper<A6, NoInfer<N & A1 & A2 & A3 & A4 & A5>>,
  w7: Wrapper<A7, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6>>,
): Wrapper<A1 & A2 & A3 & A4 & A5 & A6 & A7, N>
export function compose<N, A1, A2, A3, A4, A5, A6, A7, A8>(
  w1: Wrapper<A1, N>,
  w2: Wrapper<A2, NoInfer<N & A1>>,
  w3: Wrapper<A3, NoInfer<N & A1 & A2>>,
  w4: Wrapper<A4, NoInfer<N & A1 & A2 & A3>>,
  w5: Wrapper<A5, NoInfer<N & A1 & A2 & A3 & A4>>,
  w6: Wrapper<A6, NoInfer<N & A1 & A2 & A3 & A4 & A5>>,
  w7: Wrapper<A7, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6>>,
  w8: Wrapper<A8, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7>>,
): Wrapper<A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8, N>
export function compose<N, A1, A2, A3, A4, A5, A6, A7, A8, A9>(
  w1: Wrapper<A1, N>,
  w2: Wrapper<A2, NoInfer<N & A1>>,
  w3: Wrapper<A3, NoInfer<N & A1 & A2>>,
  w4: Wrapper<A4, NoInfer<N & A1 & A2 & A3>>,
  w5: Wrapper<A5, NoInfer<N & A1 & A2 & A3 & A4>>,
  w6: Wrapper<A6, NoInfer<N & A1 & A2 & A3 & A4 & A5>>,
  w7: Wrapper<A7, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6>>,
  w8: Wrapper<A8, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7>>,
  w9: Wrapper<A9, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8>>,
): Wrapper<A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9, N>
export function compose<N, A1, A2, A3, A4, A5, A6, A7, A8, A9, A10>(
  w1: Wrapper<A1, N>,
  w2: Wrapper<A2, NoInfer<N & A1>>,
  w3: Wrapper<A3, NoInfer<N & A1 & A2>>,
  w4: Wrapper<A4, NoInfer<N & A1 & A2 & A3>>,
  w5: Wrapper<A5, NoInfer<N & A1 & A2 & A3 & A4>>,
  w6: Wrapper<A6, NoInfer<N & A1 & A2 & A3 & A4 & A5>>,
  w7: Wrapper<A7, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6>>,
  w8: Wrapper<A8, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7>>,
  w9: Wrapper<A9, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8>>,
  w10: Wrapper<A10, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9>>,
): Wrapper<A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10, N>
export function compose<N, A1, A2, A3, A4, A5, A6, A7, A8, A9, A10, A11>(
  w1: Wrapper<A1, N>,
  w2: Wrapper<A2, NoInfer<N & A1>>,
  w3: Wrapper<A3, NoInfer<N & A1 & A2>>,
  w4: Wrapper<A4, NoInfer<N & A1 & A2 & A3>>,
  w5: Wrapper<A5, NoInfer<N & A1 & A2 & A3 & A4>>,
  w6: Wrapper<A6, NoInfer<N & A1 & A2 & A3 & A4 & A5>>,
  w7: Wrapper<A7, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6>>,
  w8: Wrapper<A8, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7>>,
  w9: Wrapper<A9, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8>>,
  w10: Wrapper<A10, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9>>,
  w11: Wrapper<A11, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10>>,
): Wrapper<A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11, N>
export function compose<N, A1, A2, A3, A4, A5, A6, A7, A8, A9, A10, A11, A12>(
  w1: Wrapper<A1, N>,
  w2: Wrapper<A2, NoInfer<N & A1>>,
  w3: Wrapper<A3, NoInfer<N & A1 & A2>>,
  w4: Wrapper<A4, NoInfer<N & A1 & A2 & A3>>,
  w5: Wrapper<A5, NoInfer<N & A1 & A2 & A3 & A4>>,
  w6: Wrapper<A6, NoInfer<N & A1 & A2 & A3 & A4 & A5>>,
  w7: Wrapper<A7, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6>>,
  w8: Wrapper<A8, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7>>,
  w9: Wrapper<A9, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8>>,
  w10: Wrapper<A10, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9>>,
  w11: Wrapper<A11, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10>>,
  w12: Wrapper<A12, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11>>,
): Wrapper<A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11 & A12, N>
export function compose<N, A1, A2, A3, A4, A5, A6, A7, A8, A9, A10, A11, A12, A13>(
  w1: Wrapper<A1, N>,
  w2: Wrapper<A2, NoInfer<N & A1>>,
  w3: Wrapper<A3, NoInfer<N & A1 & A2>>,
  w4: Wrapper<A4, NoInfer<N & A1 & A2 & A3>>,
  w5: Wrapper<A5, NoInfer<N & A1 & A2 & A3 & A4>>,
  w6: Wrapper<A6, NoInfer<N & A1 & A2 & A3 & A4 & A5>>,
  w7: Wrapper<A7, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6>>,
  w8: Wrapper<A8, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7>>,
  w9: Wrapper<A9, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8>>,
  w10: Wrapper<A10, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9>>,
  w11: Wrapper<A11, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10>>,
  w12: Wrapper<A12, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11>>,
  w13: Wrapper<A13, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11 & A12>>,
): Wrapper<A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11 & A12 & A13, N>
export function compose<N, A1, A2, A3, A4, A5, A6, A7, A8, A9, A10, A11, A12, A13, A14>(
  w1: Wrapper<A1, N>,
  w2: Wrapper<A2, NoInfer<N & A1>>,
  w3: Wrapper<A3, NoInfer<N & A1 & A2>>,
  w4: Wrapper<A4, NoInfer<N & A1 & A2 & A3>>,
  w5: Wrapper<A5, NoInfer<N & A1 & A2 & A3 & A4>>,
  w6: Wrapper<A6, NoInfer<N & A1 & A2 & A3 & A4 & A5>>,
  w7: Wrapper<A7, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6>>,
  w8: Wrapper<A8, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7>>,
  w9: Wrapper<A9, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8>>,
  w10: Wrapper<A10, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9>>,
  w11: Wrapper<A11, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10>>,
  w12: Wrapper<A12, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11>>,
  w13: Wrapper<A13, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11 & A12>>,
  w14: Wrapper<A14, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11 & A12 & A13>>,
): Wrapper<A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11 & A12 & A13 & A14, N>
export function compose<N, A1, A2, A3, A4, A5, A6, A7, A8, A9, A10, A11, A12, A13, A14, A15>(
  w1: Wrapper<A1, N>,
  w2: Wrapper<A2, NoInfer<N & A1>>,
  w3: Wrapper<A3, NoInfer<N & A1 & A2>>,
  w4: Wrapper<A4, NoInfer<N & A1 & A2 & A3>>,
  w5: Wrapper<A5, NoInfer<N & A1 & A2 & A3 & A4>>,
  w6: Wrapper<A6, NoInfer<N & A1 & A2 & A3 & A4 & A5>>,
  w7: Wrapper<A7, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6>>,
  w8: Wrapper<A8, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7>>,
  w9: Wrapper<A9, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8>>,
  w10: Wrapper<A10, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9>>,
  w11: Wrapper<A11, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10>>,
  w12: Wrapper<A12, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11>>,
  w13: Wrapper<A13, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11 & A12>>,
  w14: Wrapper<A14, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11 & A12 & A13>>,
  w15: Wrapper<A15, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11 & A12 & A13 & A14>>,
): Wrapper<A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11 & A12 & A13 & A14 & A15, N>
export function compose<N, A1, A2, A3, A4, A5, A6, A7, A8, A9, A10, A11, A12, A13, A14, A15, A16>(
  w1: Wrapper<A1, N>,
  w2: Wrapper<A2, NoInfer<N & A1>>,
  w3: Wrapper<A3, NoInfer<N & A1 & A2>>,
  w4: Wrapper<A4, NoInfer<N & A1 & A2 & A3>>,
  w5: Wrapper<A5, NoInfer<N & A1 & A2 & A3 & A4>>,
  w6: Wrapper<A6, NoInfer<N & A1 & A2 & A3 & A4 & A5>>,
  w7: Wrapper<A7, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6>>,
  w8: Wrapper<A8, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7>>,
  w9: Wrapper<A9, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8>>,
  w10: Wrapper<A10, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9>>,
  w11: Wrapper<A11, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10>>,
  w12: Wrapper<A12, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11>>,
  w13: Wrapper<A13, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11 & A12>>,
  w14: Wrapper<A14, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11 & A12 & A13>>,
  w15: Wrapper<A15, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11 & A12 & A13 & A14>>,
  w16: Wrapper<A16, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11 & A12 & A13 & A14 & A15>>,
): Wrapper<A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11 & A12 & A13 & A14 & A15 & A16, N>
export function compose<N, A1, A2, A3, A4, A5, A6, A7, A8, A9, A10, A11, A12, A13, A14, A15, A16, A17>(
  w1: Wrapper<A1, N>,
  w2: Wrapper<A2, NoInfer<N & A1>>,
  w3: Wrapper<A3, NoInfer<N & A1 & A2>>,
  w4: Wrapper<A4, NoInfer<N & A1 & A2 & A3>>,
  w5: Wrapper<A5, NoInfer<N & A1 & A2 & A3 & A4>>,
  w6: Wrapper<A6, NoInfer<N & A1 & A2 & A3 & A4 & A5>>,
  w7: Wrapper<A7, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6>>,
  w8: Wrapper<A8, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7>>,
  w9: Wrapper<A9, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8>>,
  w10: Wrapper<A10, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9>>,
  w11: Wrapper<A11, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10>>,
  w12: Wrapper<A12, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11>>,
  w13: Wrapper<A13, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11 & A12>>,
  w14: Wrapper<A14, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11 & A12 & A13>>,
  w15: Wrapper<A15, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11 & A12 & A13 & A14>>,
  w16: Wrapper<A16, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11 & A12 & A13 & A14 & A15>>,
  w17: Wrapper<A17, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11 & A12 & A13 & A14 & A15 & A16>>,
): Wrapper<A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11 & A12 & A13 & A14 & A15 & A16 & A17, N>
export function compose<N, A1, A2, A3, A4, A5, A6, A7, A8, A9, A10, A11, A12, A13, A14, A15, A16, A17, A18>(
  w1: Wrapper<A1, N>,
  w2: Wrapper<A2, NoInfer<N & A1>>,
  w3: Wrapper<A3, NoInfer<N & A1 & A2>>,
  w4: Wrapper<A4, NoInfer<N & A1 & A2 & A3>>,
  w5: Wrapper<A5, NoInfer<N & A1 & A2 & A3 & A4>>,
  w6: Wrapper<A6, NoInfer<N & A1 & A2 & A3 & A4 & A5>>,
  w7: Wrapper<A7, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6>>,
  w8: Wrapper<A8, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7>>,
  w9: Wrapper<A9, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8>>,
  w10: Wrapper<A10, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9>>,
  w11: Wrapper<A11, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10>>,
  w12: Wrapper<A12, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11>>,
  w13: Wrapper<A13, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11 & A12>>,
  w14: Wrapper<A14, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11 & A12 & A13>>,
  w15: Wrapper<A15, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11 & A12 & A13 & A14>>,
  w16: Wrapper<A16, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11 & A12 & A13 & A14 & A15>>,
  w17: Wrapper<A17, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11 & A12 & A13 & A14 & A15 & A16>>,
  w18: Wrapper<
    A18,
    NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11 & A12 & A13 & A14 & A15 & A16 & A17>
  >,
): Wrapper<A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11 & A12 & A13 & A14 & A15 & A16 & A17 & A18, N>
export function compose<N, A1, A2, A3, A4, A5, A6, A7, A8, A9, A10, A11, A12, A13, A14, A15, A16, A17, A18, A19>(
  w1: Wrapper<A1, N>,
  w2: Wrapper<A2, NoInfer<N & A1>>,
  w3: Wrapper<A3, NoInfer<N & A1 & A2>>,
  w4: Wrapper<A4, NoInfer<N & A1 & A2 & A3>>,
  w5: Wrapper<A5, NoInfer<N & A1 & A2 & A3 & A4>>,
  w6: Wrapper<A6, NoInfer<N & A1 & A2 & A3 & A4 & A5>>,
  w7: Wrapper<A7, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6>>,
  w8: Wrapper<A8, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7>>,
  w9: Wrapper<A9, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8>>,
  w10: Wrapper<A10, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9>>,
  w11: Wrapper<A11, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10>>,
  w12: Wrapper<A12, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11>>,
  w13: Wrapper<A13, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11 & A12>>,
  w14: Wrapper<A14, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11 & A12 & A13>>,
  w15: Wrapper<A15, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11 & A12 & A13 & A14>>,
  w16: Wrapper<A16, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11 & A12 & A13 & A14 & A15>>,
  w17: Wrapper<A17, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11 & A12 & A13 & A14 & A15 & A16>>,
  w18: Wrapper<
    A18,
    NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11 & A12 & A13 & A14 & A15 & A16 & A17>
  >,
  w19: Wrapper<
    A19,
    NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11 & A12 & A13 & A14 & A15 & A16 & A17 & A18>
  >,
): Wrapper<A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11 & A12 & A13 & A14 & A15 & A16 & A17 & A18 & A19, N>
export function compose<N, A1, A2, A3, A4, A5, A6, A7, A8, A9, A10, A11, A12, A13, A14, A15, A16, A17, A18, A19, A20>(
  w1: Wrapper<A1, N>,
  w2: Wrapper<A2, NoInfer<N & A1>>,
  w3: Wrapper<A3, NoInfer<N & A1 & A2>>,
  w4: Wrapper<A4, NoInfer<N & A1 & A2 & A3>>,
  w5: Wrapper<A5, NoInfer<N & A1 & A2 & A3 & A4>>,
  w6: Wrapper<A6, NoInfer<N & A1 & A2 & A3 & A4 & A5>>,
  w7: Wrapper<A7, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6>>,
  w8: Wrapper<A8, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7>>,
  w9: Wrapper<A9, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8>>,
  w10: Wrapper<A10, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9>>,
  w11: Wrapper<A11, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10>>,
  w12: Wrapper<A12, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11>>,
  w13: Wrapper<A13, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11 & A12>>,
  w14: Wrapper<A14, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11 & A12 & A13>>,
  w15: Wrapper<A15, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11 & A12 & A13 & A14>>,
  w16: Wrapper<A16, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11 & A12 & A13 & A14 & A15>>,
  w17: Wrapper<A17, NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11 & A12 & A13 & A14 & A15 & A16>>,
  w18: Wrapper<
    A18,
    NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11 & A12 & A13 & A14 & A15 & A16 & A17>
  >,
  w19: Wrapper<
    A19,
    NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11 & A12 & A13 & A14 & A15 & A16 & A17 & A18>
  >,
  w20: Wrapper<
    A20,
    NoInfer<N & A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11 & A12 & A13 & A14 & A15 & A16 & A17 & A18 & A19>
  >,
): Wrapper<
  A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & A9 & A10 & A11 & A12 & A13 & A14 & A15 & A16 & A17 & A18 & A19 & A20,
  N
>
export function compose(...wrappers: readonly AnyWrapper[]): AnyWrapper {
  return fold(wrappers)
}

/** The fold itself, for whoever has proved the order in another way (`policy`). Keeps the members' lists of risks. */
export function fold(wrappers: readonly AnyWrapper[]): Wrapper<never, unknown> {
  const folded = ((next: Handler<never>) => wrappers.reduceRight((inner, wrap) => wrap(inner), next)) as Wrapper<
    never,
    unknown
  >
  risky(folded, wrappers.flatMap((wrapper) => wrapper['~risks'] ?? []))
  return described(folded, ...wrappers.flatMap(descriptionsOf))
}
