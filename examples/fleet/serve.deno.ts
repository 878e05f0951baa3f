import { Redis } from 'iovalkey'
import process from 'node:process'
import { serve } from '../../adapters/deno.ts'
import { redisStore } from '../../src/stores/redis.ts'
import { createApp } from './app.ts'
import { attached } from './attached.ts'

const client = new Redis(process.argv[2]!)
attached(await serve(createApp(redisStore(client)), { port: 0 }))
