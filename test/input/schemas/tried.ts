/** What schemas make of values, in a form that tables can hold. */
import * as v from 'valibot'

/** What came out, or `code message` of each issue, with where it is if it is not the value itself. */
export function tried(schema: v.GenericSchema, value: unknown): { readonly out?: unknown; readonly no?: string[] } {
  const { success, output, issues } = v.safeParse(schema, value)
  if (success) return { out: output }
  return { no: issues.map((issue) => [v.getDotPath(issue), issue.type, issue.message].filter(Boolean).join(' ')) }
}

/** The places and codes of what is wrong, without sentences. */
export function wrong(schema: v.GenericSchema, value: unknown): string[] {
  return (v.safeParse(schema, value).issues ?? []).map((issue) => `${v.getDotPath(issue) ?? ''} ${issue.type}`.trim())
}
