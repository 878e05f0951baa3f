/** The lines of the page's charts, as the `d` of SVG paths. */

/** The coordinates in which lines are drawn; the page stretches them. */
export const WIDTH = 600
export const HEIGHT = 120

/** The next round number that is not below `value`: where a chart ends. */
export function ceiling(value: number): number {
  if (!(value > 0)) return 1
  const power = 10 ** Math.floor(Math.log10(value))
  const step = [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((one) => one * power >= value) ?? 10
  return Number((step * power).toPrecision(2))
}

/** A line through the values, the last at the right edge, with a gap where there is none; `points` fit. */
export function line(values: readonly (number | undefined)[], top: number, points: number): string {
  const step = WIDTH / (points - 1)
  const left = points - values.length
  let out = ''
  let drawing = false
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    if (value === undefined) {
      drawing = false
      continue
    }
    const alone = !drawing && values[i + 1] === undefined
    const y = HEIGHT * (1 - Math.min(1, value / top))
    out += `${drawing ? 'L' : 'M'}${coordinate((left + i) * step)} ${coordinate(y)}${alone ? 'h.1' : ''}`
    drawing = true
  }
  return out
}

/** The same, filled down to the ground: for values without gaps. */
export function area(values: readonly number[], top: number, points: number): string {
  if (values.length === 0) return ''
  const start = (points - values.length) * WIDTH / (points - 1)
  return `${line(values, top, points)}L${WIDTH} ${HEIGHT}L${coordinate(start)} ${HEIGHT}Z`
}

function coordinate(value: number): string {
  return String(Math.round(value * 10) / 10)
}
