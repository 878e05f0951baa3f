/** What the service knows. In memory: a restart forgets the accounts, and each instance has its own. */
import type { PasswordHash } from './passwords.ts'

export interface User {
  readonly id: string
  readonly username: string
  readonly email: string
}

export interface Account {
  readonly user: User
  readonly password: PasswordHash
}

export interface Session {
  readonly user: User
  /** Milliseconds since 1970. */
  readonly expires: number
}

export interface Job {
  readonly id: string
  readonly owner: string
  readonly status: 'queued'
  readonly created: string
  readonly voiceId: string
  readonly dataset: string
  readonly epochs: number
  readonly batchSize: number
  readonly learningRate: number
}

export interface Dataset {
  readonly id: string
  readonly owner: string
  readonly name: string
  readonly language: string
  readonly created: string
  readonly samples: readonly { readonly name: string; readonly type: string; readonly size: number }[]
}

export interface Settings {
  readonly language: string
  readonly sampleRate: number
  readonly defaultVoice?: string | undefined
  readonly token?: string | undefined
}

export interface Data {
  /** By username in lower case. */
  readonly accounts: Map<string, Account>
  /** By bearer token. */
  readonly sessions: Map<string, Session>
  /** By id, oldest first. */
  readonly jobs: Map<string, Job>
  /** By id, oldest first. */
  readonly datasets: Map<string, Dataset>
  /** By the user's id. */
  readonly settings: Map<string, Settings>
}

export function createData(): Data {
  return { accounts: new Map(), sessions: new Map(), jobs: new Map(), datasets: new Map(), settings: new Map() }
}

export const DEFAULT_SETTINGS: Settings = { language: 'en', sampleRate: 22_050 }

export const VOICES: readonly { readonly id: string; readonly name: string; readonly language: string }[] = [
  { id: '7a1c3f52-0a35-4c8e-9a0d-5d0b8c2f1e11', name: 'Ada', language: 'en' },
  { id: '0e9b6d0c-61c1-4f0b-8d5f-2f6f0a9b7c22', name: 'Björk', language: 'de' },
  { id: '4f5d2a8e-9c27-4b1e-b7c3-8e1d6a3c0d33', name: 'Céline', language: 'fr' },
]

export const MODELS: readonly { readonly repository: string; readonly task: string; readonly downloads: number }[] = [
  { repository: 'coqui/xtts-v2', task: 'text-to-speech', downloads: 2_900_000 },
  { repository: 'suno/bark', task: 'text-to-speech', downloads: 1_100_000 },
  { repository: 'microsoft/speecht5_tts', task: 'text-to-speech', downloads: 640_000 },
  { repository: 'facebook/mms-tts-eng', task: 'text-to-speech', downloads: 210_000 },
]
