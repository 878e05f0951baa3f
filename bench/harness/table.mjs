/** Prints rows of text as a table: the first column to the left, the others to the right. */
export function printTable(head, rows) {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column].length)))
  const line = (cells) =>
    cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]))).join('  ')
  console.log(line(head))
  console.log(widths.map((width) => '-'.repeat(width)).join('  '))
  for (const row of rows) console.log(line(row))
}

export const whole = (value) => (value === undefined ? '-' : Math.round(value).toLocaleString('en-US'))
export const decimal = (value, digits) => (value === undefined ? '-' : value.toFixed(digits))
