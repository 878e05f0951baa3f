/** What the service does. Each route says what it takes, and gets it typed, bounded and clean. */
import * as v from 'valibot'
import { type Edge, Problem, record, validate } from '../../src/index.ts'
import * as schemas from '../../src/input/schemas.ts'
import { type Data, DEFAULT_SETTINGS, type Job, MODELS, type Settings, VOICES } from './data.ts'
import { datasets, type SampleSink } from './datasets.ts'
import { type Caller, openSession, signedIn } from './identity.ts'
import { hashPassword, passwordMatches } from './passwords.ts'
import type { Routes } from './router.ts'

const SERVICE = { name: 'tts-platform', version: '1.0.0' }

/** All endpoints. A body is validated before its sender is asked to sign in: S0's own checks send theirs without. */
export function createRoutes(data: Data, samples: SampleSink): Routes<Edge & Caller> {
  const table: Routes<Edge & Caller> = {
    'GET /api': () => Response.json({ ...SERVICE, endpoints: Object.keys(table) }),
    ...auth(data),
    ...sources(),
    ...training(data),
    ...datasets(data, samples),
    ...settings(data),
    ...open(),
  }
  return table
}

function auth(data: Data): Routes<Edge & Caller> {
  return {
    'POST /api/auth/register': validate({ body: schemas.register })(async (_request, { input }) => {
      const { username, email, password } = input.body
      const name = username.toLowerCase()
      const hash = await hashPassword(password)
      if (data.accounts.has(name)) throw new Problem(409, 'username-taken', { detail: 'This username is taken.' })
      const user = { id: crypto.randomUUID(), username, email }
      data.accounts.set(name, { user, password: hash })
      return Response.json({ success: true, user }, { status: 201 })
    }),

    'POST /api/auth/login': validate({ body: schemas.login }, { generic: true })(
      async (_request, context) => {
        const { username, password } = context.input.body
        const account = data.accounts.get(username.toLowerCase())
        const matches = await passwordMatches(password, account?.password)
        if (account !== undefined && matches) {
          return Response.json({ success: true, token: openSession(data, account.user, context), user: account.user })
        }
        record(context, { kind: 'refused', guard: 'login', code: 'credentials-invalid', status: 401 })
        throw new Problem(401, 'credentials-invalid', { detail: 'The username or the password is wrong.' })
      },
    ),
  }
}

function sources(): Routes<Edge & Caller> {
  return {
    'GET /api/sources/search': validate({ query: schemas.search })((_request, { input }) => {
      const wanted = input.query.q.toLowerCase()
      return Response.json({ success: true, results: MODELS.filter(({ repository }) => repository.includes(wanted)) })
    }),

    'POST /api/sources/download': validate({ body: schemas.download })(signedIn((_request, { input }) => {
      const download = { ...input.body, id: crypto.randomUUID(), status: 'queued' }
      return Response.json({ success: true, download }, { status: 202 })
    })),
  }
}

function training(data: Data): Routes<Edge & Caller> {
  return {
    'POST /api/training': validate({ body: schemas.training })(
      signedIn((_request, { input, principal, clock }) => {
        const id = crypto.randomUUID()
        const created = new Date(clock.now()).toISOString()
        const job: Job = { ...input.body, id, owner: principal.id, status: 'queued', created }
        data.jobs.set(id, job)
        return Response.json({ success: true, job }, { status: 202, headers: { location: `/api/training/${id}` } })
      }),
    ),

    'GET /api/training': validate({ query: schemas.pagination })(signedIn((_request, { principal, input }) => {
      const { page, limit } = input.query
      const own = [...data.jobs.values()].filter(({ owner }) => owner === principal.id)
      return Response.json({ success: true, total: own.length, jobs: own.slice((page - 1) * limit, page * limit) })
    })),

    'GET /api/training/:id': validate({ params: schemas.idParam })(signedIn((_request, { principal, input }) => {
      const job = data.jobs.get(input.params.id)
      // Another user's job is not told from one that is not there.
      if (job?.owner !== principal.id) throw new Problem(404, 'job-not-found', { detail: 'There is no such job.' })
      return Response.json({ success: true, job })
    })),
  }
}

/** What is shown of settings: the token goes in and never comes out, and this is what holds us to it. */
const settingsShown = v.strictObject({
  success: v.literal(true),
  settings: v.strictObject({
    language: v.string(),
    sampleRate: v.number(),
    defaultVoice: v.optional(v.string()),
    hasToken: v.boolean(),
  }),
})

function settings(data: Data): Routes<Edge & Caller> {
  const shown = ({ token, ...rest }: Settings): object => ({ ...rest, hasToken: token !== undefined })
  return {
    'GET /api/settings': validate({}, { response: settingsShown })(
      signedIn((_request, { principal }) =>
        Response.json({ success: true, settings: shown(data.settings.get(principal.id) ?? DEFAULT_SETTINGS) })
      ),
    ),

    'PUT /api/settings': validate({ body: schemas.settings }, { response: settingsShown })(
      signedIn((_request, { input, principal }) => {
        data.settings.set(principal.id, input.body)
        return Response.json({ success: true, settings: shown(input.body) })
      }),
    ),

    'POST /api/settings/token': validate({ body: schemas.tokenValidation })(
      signedIn(() => Response.json({ success: true, valid: true })),
    ),
  }
}

function open(): Routes<Edge & Caller> {
  return {
    'GET /api/public/voices': () => Response.json({ success: true, voices: VOICES }),

    // The synthesiser is not part of this example: this is what a client sees of a dependency that is down.
    'GET /api/public/voices/:id/sample': validate({ params: schemas.idParam })(() => {
      throw new Error('connect ECONNREFUSED 10.0.0.7:5002')
    }),
  }
}
