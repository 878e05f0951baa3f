// What is parsed and validated: one small object as APIs get it, and a megabyte of rows as imports do.
import * as v from 'valibot'
import { ITEM_SHAPE } from '../../apps/shared/item-shape.mjs'
import { Item } from '../../apps/shared/item.mjs'
import { REQUEST_BODY } from '../../apps/shared/job.mjs'

const ROWS = 20_000
const MEGABYTE = 2 ** 20

const Row = v.object({
  id: v.pipe(v.number(), v.integer()),
  sku: v.pipe(v.string(), v.maxLength(20)),
  n: v.pipe(v.number(), v.minValue(0)),
  cents: v.number(),
  on: v.boolean(),
})
const ROW_SHAPE = {
  type: 'object',
  required: ['id', 'sku', 'n', 'cents', 'on'],
  properties: {
    id: { type: 'integer' },
    sku: { type: 'string', maxLength: 20 },
    n: { type: 'number', minimum: 0 },
    cents: { type: 'number' },
    on: { type: 'boolean' },
  },
}

export const JOBS = {
  json: { text: REQUEST_BODY, schema: Item, shape: ITEM_SHAPE, structure: {} },
  rows: {
    text: rowsOf(ROWS, MEGABYTE),
    schema: v.array(Row),
    shape: { type: 'array', items: ROW_SHAPE },
    structure: { items: ROWS, keys: 10 * ROWS },
  },
}

/** So many rows of five fields, in so many characters. */
function rowsOf(count, length) {
  const rows = Array.from({ length: count }, (_, i) => ({ id: i, sku: '', n: i % 100, cents: i % 997, on: i % 3 > 0 }))
  const room = Math.floor((length - JSON.stringify(rows).length) / count)
  return JSON.stringify(rows.map((row) => ({ ...row, sku: 'x'.repeat(room) })))
}
