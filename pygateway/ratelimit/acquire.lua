-- Charges one sliding window, or gives back what was charged: the law of rate limits, as Redis
-- runs it. Everything is an integer below 2^53, which Lua's numbers hold exactly.
--
-- KEYS[1]  the window: a string "BUCKET:PREVIOUS:CURRENT"
-- ARGV[1]  quota of a window, up to 2^26
-- ARGV[2]  length of a window in ms, up to 86,400,000
-- ARGV[3]  want: how much to charge at most; below 0, how much to give back
-- ARGV[4]  least: what must be admitted for anything to be charged
-- ARGV[5]  divisor: no more than `least` or this part of what remains is granted
-- ARGV[6]  debt_bucket, and what was admitted without us; absent if that is nothing
-- ARGV[7]    in the bucket before it, and
-- ARGV[8]    in it
-- ARGV[9]  when giving back, the bucket in which was charged what is given back
-- ARGV[10] the time in ms, instead of our own: for tests alone, which must see windows pass faster
--          than real ones do. Gateways never say it, so that their clocks need not agree.
--
-- Answers {granted, remaining, bucket, reset_ms, retry_ms}: what may be spent, what is left
-- afterwards, where it was charged, when this bucket ends, and when `least` will be admitted if
-- nothing else is charged.

local MOST = 67108864

local quota, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local want, least = tonumber(ARGV[3]), tonumber(ARGV[4])

local now
if ARGV[10] then
  now = tonumber(ARGV[10])
else
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Roll to now. A clock that is behind what was charged stays at the beginning of that bucket:
-- to forget it would admit twice. The key's time to live ends that, should the clock stay behind.
-- Nothing fades before the clock has come to that bucket, so `ahead` is added to every wait.
local bucket = math.floor(now / window)
local elapsed, ahead = now - bucket * window, 0
local previous, current = 0, 0
local held = redis.call('GET', KEYS[1])
if held then
  local held_bucket, held_previous, held_current = string.match(held, '^(%d+):(%d+):(%d+)$')
  held_bucket = tonumber(held_bucket)
  if held_bucket then
    if held_bucket >= bucket then
      if held_bucket > bucket then
        elapsed, ahead = 0, held_bucket * window - now
      end
      bucket, previous, current = held_bucket, tonumber(held_previous), tonumber(held_current)
    elseif held_bucket == bucket - 1 then
      previous = tonumber(held_current)
    end
  end
end

local changed = false

-- Put what was charged elsewhere into the bucket that it belongs to, if that still counts. Whose
-- clock is ahead of ours means the present one. More than the largest quota is as good as that, and
-- keeps the products below exact.
local function settle(at, amount)
  if amount ~= 0 then
    at = math.min(at, bucket)
    if at == bucket then
      current = math.max(0, math.min(MOST, current + amount))
      changed = true
    elseif at == bucket - 1 then
      previous = math.max(0, math.min(MOST, previous + amount))
      changed = true
    end
  end
end

-- What is free, times the length of a window: `cost` is admitted while cost * window <= free.
local function free()
  return quota * window - previous * (window - elapsed) - current * window
end

local granted = 0
if want < 0 then
  settle(tonumber(ARGV[9]), want)
else
  if ARGV[6] then
    local debt_bucket = tonumber(ARGV[6])
    settle(debt_bucket - 1, tonumber(ARGV[7]))
    settle(debt_bucket, tonumber(ARGV[8]))
  end
  local left = math.floor(free() / window)
  if least <= left then
    granted = math.min(want, math.max(least, math.floor(left / tonumber(ARGV[5]))))
    current = current + granted
    changed = changed or granted > 0
  end
end

-- What does not change is not written: a refusal costs Redis no write, and nothing to replicate.
-- It rolls the same way the next time, since every write lives until its bucket cannot count.
if changed then
  redis.call('SET', KEYS[1], string.format('%.0f:%.0f:%.0f', bucket, previous, current),
    'PX', string.format('%.0f', 2 * window))
end

-- The first moment at which `least` is admitted: now, later in this bucket while the previous one
-- fades, in the next one while this one fades, or after that. Quotients of integers below 2^53
-- never round up to a whole number, so floor() is exact.
local cost = math.min(least, quota)
local to_reset = window - elapsed
local spare = (quota - current - cost) * window
local retry
if spare >= 0 and previous * to_reset <= spare then
  retry = 0
elseif spare >= previous then
  retry = ahead + to_reset - math.floor(spare / previous)
elseif current == 0 then
  retry = ahead + to_reset
else
  retry = ahead + to_reset + math.max(0, window - math.floor((quota - cost) * window / current))
end

return {granted, math.max(0, math.floor(free() / window)), bucket, ahead + to_reset, retry}
