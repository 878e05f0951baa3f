// The five rules for the apps that validate with valibot.
import * as v from 'valibot'

export const Item = v.object({
  name: v.pipe(v.string(), v.minLength(1), v.maxLength(80)),
  email: v.pipe(v.string(), v.email()),
  quantity: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1000)),
  price: v.pipe(v.number(), v.minValue(0)),
  tags: v.pipe(v.array(v.string()), v.maxLength(10)),
})
