import process from 'node:process'
import { createClient } from 'redis'
import { serve } from '../../adapters/bun.ts'
import { redisStore } from '../../src/stores/redis.ts'
import { createApp } from './app.ts'
import { attached } from './attached.ts'

const client = createClient({ url: process.argv[2]! })
await client.connect()
attached(await serve(createApp(redisStore(client)), { port: 0 }))
