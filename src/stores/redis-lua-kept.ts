/**
 * The scripts for what is kept as it is: leases, in a sorted set with the time at which each member leaves as its
 * score, and records, as texts. The rules are those of `redis-lua.ts`.
 */
import type { Script } from './redis-lua.ts'
import { NOW } from './redis-lua.ts'

/**
 * Arguments: the time, member, milliseconds, how many at most. Answers: granted, members, and, if it was not granted,
 * milliseconds until one leaves.
 */
export const LEASE: Script = {
  sha: 'e855bfc147d47a32a722da8f05ab9c88dc720249',
  text: `${NOW}
local member, ttl, most = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local living = '(' .. string.format('%.0f', now)
local count = redis.call('ZCOUNT', KEYS[1], living, '+inf')
if count >= most then
  local score = redis.call('ZSCORE', KEYS[1], member)
  if not score or score - now <= 0 then
    local first = redis.call('ZRANGEBYSCORE', KEYS[1], living, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
    return {0, count, first[2] and math.ceil(first[2] - now) or ttl}
  end
end
-- First what needs memory: a server that has none refuses it only before anything is written.
redis.call('ZADD', KEYS[1], now + ttl, member)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
redis.call('PEXPIRE', KEYS[1], math.ceil(last[2] - now))
return {1, redis.call('ZCARD', KEYS[1]), 0}
`,
}

/** Arguments: the time, member. Answers: was it there? */
export const RELEASE: Script = {
  sha: '79c1d77239b1a964085cd4539400a746a745c575',
  text: `${NOW}
local score = redis.call('ZSCORE', KEYS[1], ARGV[2])
if not score then return 0 end
redis.call('ZREM', KEYS[1], ARGV[2])
return score - now > 0 and 1 or 0
`,
}

/** Arguments: the time, member. Answers: for how many more milliseconds it is there. */
export const HELD: Script = {
  sha: 'fa9fd46eb8e0f1e72e30dfde5ab86310bbf11ed7',
  text: `${NOW}
local score = redis.call('ZSCORE', KEYS[1], ARGV[2])
return score and math.max(0, math.ceil(score - now)) or 0
`,
}

/** Arguments: the time, how many at most. Answers: a member and its milliseconds, and so on. */
export const MEMBERS: Script = {
  sha: 'de27f59d7c2bfa7bb8c606211a9e3af48b771325',
  text: `${NOW}
local living = '(' .. string.format('%.0f', now)
local list = redis.call('ZRANGEBYSCORE', KEYS[1], living, '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[2])
for i = 2, #list, 2 do list[i] = math.ceil(list[i] - now) end
return list
`,
}

/** Arguments: value, milliseconds. Answers: the value that was there, or 1. */
export const CLAIM: Script = {
  sha: 'd1745769098ac374623ca4d9f7e9a133743d40ff',
  text: `local kept = redis.call('GET', KEYS[1])
if kept then return kept end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
`,
}

/** Arguments: the value expected, the new one, milliseconds. Answers: was it there? */
export const REPLACE: Script = {
  sha: 'a503b86fa1d4309d33426e00973de52f7b0a64a3',
  text: `if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
`,
}

/** Arguments: the value expected. Answers: was it there? */
export const REMOVE: Script = {
  sha: '182d787039319d8585f2c02e2ac1cf0a449f5c99',
  text: `if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
return 1
`,
}
