// The program without the pipeline: the same imports, the same schemas.
import * as all from './schemas.ts'

export const handler = (): Response => Response.json(Object.keys(all))
