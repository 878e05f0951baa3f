// The five rules as JSON Schema, for the apps that validate with ajv.

export const ITEM_SHAPE = {
  type: 'object',
  required: ['name', 'email', 'quantity', 'price', 'tags'],
  properties: {
    name: { type: 'string', minLength: 1, maxLength: 80 },
    email: { type: 'string', format: 'email' },
    quantity: { type: 'integer', minimum: 1, maximum: 1000 },
    price: { type: 'number', minimum: 0 },
    tags: { type: 'array', items: { type: 'string' }, maxItems: 10 },
  },
}
