/** Data sets: recordings, sent as one form, that go to a disk or a bucket as they arrive. */
import * as v from 'valibot'
import { type Edge, onPath, type Test, validate } from '../../src/index.ts'
import * as schemas from '../../src/input/schemas.ts'
import { audio, type FileSink, uploads } from '../../src/input/uploads.ts'
import type { Data, Dataset } from './data.ts'
import { type Caller, signedIn } from './identity.ts'
import type { Routes } from './router.ts'

/** Where recordings go. What it makes of them is its own. */
export type SampleSink = FileSink

/** Where forms with files come in, which are neither JSON nor small. */
export const takesUploads: Test = onPath('/api/datasets')

const about = v.object({
  name: schemas.plainText({ max: 100, name: 'The name' }),
  language: schemas.languageTag(),
})

export function datasets(data: Data, samples: SampleSink): Routes<Edge & Caller> {
  return {
    // Who may not upload is told before anything is read.
    'POST /api/datasets': signedIn(
      uploads({ files: { samples: { ...audio, count: 20 } }, fields: about, total: '200mb' })(
        async (_request, { upload, principal, clock }) => {
          const { fields, files } = await upload.save(samples)
          const dataset: Dataset = {
            ...fields,
            id: crypto.randomUUID(),
            owner: principal.id,
            created: new Date(clock.now()).toISOString(),
            samples: files.map(({ name, type, size }) => ({ name, type, size })),
          }
          data.datasets.set(dataset.id, dataset)
          return Response.json({ success: true, dataset }, { status: 201 })
        },
      ),
    ),

    'GET /api/datasets': validate({ query: schemas.pagination })(signedIn((_request, { principal, input }) => {
      const { page, limit } = input.query
      const own = [...data.datasets.values()].filter(({ owner }) => owner === principal.id)
      return Response.json({ success: true, total: own.length, datasets: own.slice((page - 1) * limit, page * limit) })
    })),
  }
}

/** For where nothing is to be kept: takes the bytes, and forgets them. */
export const nowhere: SampleSink = {
  store: (file) => file.stream.pipeTo(new WritableStream()),
  remove: () => Promise.resolve(),
}
