/**
 * The scripts that `redisStore` and `upstashStore` run, each with its SHA-1 (a test computes them again).
 *
 * Plain Lua 5.1 without a shebang and without `cjson`, `cmsgpack`, `struct` or `bit`, so that Redis from 5.0, Valkey
 * and Upstash all run it. Each has one key, so any cluster takes it. The first argument is the time in whole
 * milliseconds, or empty for the server's own. Nothing is ever kept without an expiry.
 *
 * What `core/window.ts` keeps in cells is here one text under one key for all limits of a set, whole numbers with a
 * blank between: `expires used` for a fixed window, the number of the newest slot and eight counts for a sliding one,
 * `expires debt since` for a token bucket.
 *
 * Measured on Redis 7.0 (µs per script, one fixed window / three): 5.1 / 7.4 as it is; 6.0 / 8.5 without writing over
 * what keeps its expiry; 6.8 / 11.4 with the arguments read in two passes. A pattern made for one limit would save 0.4
 * of the first, an answer as one text would add 1 to the second. TIME, GET, SET and an
 * answer take 4, and the script of rate-limiter-flexible 3.1.
 */

/** A script and the name that the server gives it. */
export interface Script {
  readonly text: string
  readonly sha: string
}

/** How a script that needs the time begins. */
export const NOW = `local now = ARGV[1]
if now == '' then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
else
  now = tonumber(now)
end
`

/**
 * Arguments: the time; and one text with each limit's way to count (`f`, `s`, `b`), quota, window and cost, as
 * `f100 60000 1 s5 1000 1`. Taking it apart costs the server what reading twelve arguments does, and a client and a REST
 * front have less to write: over REST, in seven pairs of runs, a median of 0.92 of the peer in place of 0.86. Answers:
 * whether it is allowed, the time; then for each limit the units left and the milliseconds until there are more.
 */
export const CONSUME: Script = {
  sha: '5c77d272e62c7c221fedca019dc568620b829576',
  text: `${NOW}
local kept = redis.call('GET', KEYS[1])

-- take is 1: consume, or give false where a limit has no room. 0: say how things stand.
local function decide(take)
  local cells, size = {}, 0
  if kept then
    for cell in string.gmatch(kept, '%S+') do
      size = size + 1
      cells[size] = cell
    end
  end
  local answer, n, at, last, before, changed = {take, now, 0, 0}, 3, 1, 0, 0, false
  for kind, quota, window, cost in string.gmatch(ARGV[2], '(%a)(%d+) (%d+) (%d+)') do
    quota, window, cost = quota + 0, window + 0, cost + 0
    local add, used, expires, wait, width = cost * take, 0, 0, 0, 2

    if kind == 'f' then
      expires = (cells[at] or 0) + 0
      if expires > before then before = expires end
      if expires > now then
        used = cells[at + 1] + 0
        if expires > now + window then
          expires = now + window
          cells[at], changed = string.format('%.0f', expires), true
        end
      else
        expires, cells[at], cells[at + 1] = 0, 0, 0
      end
      if take == 1 and used + cost > quota then return false end
      if add > 0 then
        used = used + add
        if expires == 0 then
          expires = now + window
          cells[at] = string.format('%.0f', expires)
        end
        cells[at + 1], changed = used, true
      end
      if used > 0 then wait = expires - now end

    elseif kind == 's' then
      width = 9
      local slot = window / 7
      local current, newest, age = math.floor(now / slot), (cells[at] or -8) + 0, 8
      expires = (newest + 8) * slot
      if expires > before then before = expires end
      if expires <= now then
        newest, cells[at] = -8, -8
        for k = at + 1, at + 8 do cells[k] = 0 end
      elseif newest > current then
        newest, age, cells[at], changed = current, 0, current, true
      else
        age = current - newest
      end
      for k = at + 1, at + 8 - age do used = used + cells[k] end
      if take == 1 and used + cost > quota then return false end
      if add > 0 then
        used = used + add
        if age > 0 then
          for k = at + 8, at + 1, -1 do cells[k] = k - age > at and cells[k - age] or 0 end
        end
        newest, age, cells[at], changed = current, 0, current, true
        cells[at + 1] = cells[at + 1] + add
      end
      expires = (newest + 8) * slot
      local target, left = used - 1, used
      if take == 0 and quota - cost < target then target = quota - cost end
      for k = 8 - age, 1, -1 do
        left = left - cells[at + k]
        if left <= target then
          wait = math.ceil((newest - k + 9) * slot - now)
          break
        end
      end

    else
      width = 3
      expires = (cells[at] or 0) + 0
      if expires > before then before = expires end
      local debt = 0
      if expires > now then
        local since = cells[at + 2] + 0
        debt = cells[at + 1] + 0
        if since > now then
          since, expires, changed = now, now + math.ceil(debt / quota), true
          cells[at], cells[at + 2] = string.format('%.0f', expires), string.format('%.0f', now)
        end
        debt = math.max(0, debt - (now - since) * quota)
        used = math.ceil(debt / window)
      else
        expires, cells[at], cells[at + 1], cells[at + 2] = 0, 0, 0, 0
      end
      if take == 1 and used + cost > quota then return false end
      if add > 0 then
        used = used + add
        debt = debt + add * window
        expires, changed = now + math.ceil(debt / quota), true
        cells[at], cells[at + 1] = string.format('%.0f', expires), string.format('%.0f', debt)
        cells[at + 2] = string.format('%.0f', now)
      end
      local target = used - 1
      if take == 0 and quota - cost < target then target = quota - cost end
      if used > 0 then wait = math.max(0, math.ceil((debt - target * window) / quota)) end
    end

    answer[n] = quota > used and quota - used or 0
    answer[n + 1] = wait
    n = n + 2
    at = at + width
    if expires > last then last = expires end
  end
  if changed and last > now then
    local text = table.concat(cells, ' ')
    if last == before and #text >= #kept then
      -- It ends when it would have: written over, it keeps its expiry. That is cheaper.
      redis.call('SETRANGE', KEYS[1], 0, text)
    else
      redis.call('SET', KEYS[1], text, 'PX', math.ceil(last - now))
    end
  end
  return answer
end

return decide(1) or decide(0)
`,
}

/**
 * Arguments: the time, and when what is corrected was consumed; then for each limit its way to count, quota, window and
 * change. Answers 1.
 */
export const ADJUST: Script = {
  sha: '2542486c83389ed35ad04722a3aa98d212f59af6',
  text: `${NOW}
local past = tonumber(ARGV[2])
local kept = redis.call('GET', KEYS[1])
local cells, size = {}, 0
if kept then
  for cell in string.gmatch(kept, '%S+') do
    size = size + 1
    cells[size] = cell
  end
end
local function held(units) return math.max(0, math.min(units, 4294967295)) end

local at, last = 1, 0
for i = 3, #ARGV, 4 do
  local kind, quota, window, change = ARGV[i], ARGV[i + 1] + 0, ARGV[i + 2] + 0, ARGV[i + 3] + 0
  local expires, width = 0, 2

  if kind == 'f' then
    local used = 0
    expires = (cells[at] or 0) + 0
    if expires > now then
      used = cells[at + 1] + 0
      expires = math.min(expires, now + window)
      if change > 0 or past >= expires - window then used = held(used + change) end
    elseif change > 0 then
      used, expires = held(change), now + window
    else
      expires = 0
    end
    cells[at], cells[at + 1] = string.format('%.0f', expires), used

  elseif kind == 's' then
    width = 9
    local slot = window / 7
    local current, newest, age = math.floor(now / slot), (cells[at] or -8) + 0, 8
    if (newest + 8) * slot <= now then
      newest = -8
      for k = at + 1, at + 8 do cells[k] = 0 end
    else
      newest = math.min(newest, current)
      age = current - newest
    end
    if change > 0 or (change < 0 and newest >= 0) then
      if age > 0 then
        for k = at + 8, at + 1, -1 do cells[k] = k - age > at and cells[k - age] or 0 end
      end
      newest = current
      local k = at + 1
      if change < 0 then k = k + math.max(0, current - math.floor(past / slot)) end
      if k <= at + 8 then cells[k] = held(cells[k] + change) end
    end
    cells[at] = newest
    expires = (newest + 8) * slot

  else
    width = 3
    expires = (cells[at] or 0) + 0
    local debt, since = 0, now
    if expires > now then
      debt, since = cells[at + 1] + 0, cells[at + 2] + 0
      if since > now then since, expires = now, now + math.ceil(debt / quota) end
    else
      expires = 0
    end
    if change > 0 or (change < 0 and expires > now) then
      local moved = change * window
      if change < 0 then moved = math.min(0, moved + math.max(0, now - past) * quota) end
      debt = math.max(0, math.min(math.max(0, debt - (now - since) * quota) + moved, 9007199254740991))
      since, expires = now, now + math.ceil(debt / quota)
    end
    cells[at], cells[at + 1] = string.format('%.0f', expires), string.format('%.0f', debt)
    cells[at + 2] = string.format('%.0f', since)
  end

  at = at + width
  if expires > last then last = expires end
end
if last > now then
  redis.call('SET', KEYS[1], table.concat(cells, ' '), 'PX', math.ceil(last - now))
elseif kept then
  redis.call('DEL', KEYS[1])
end
return 1
`,
}
