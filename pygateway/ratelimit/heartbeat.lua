-- Says that a gateway lives, and asks how many do; all by the clock of Redis.
--
-- KEYS[1]  the gateways: a sorted set, each with the time in ms at which it was last heard of
-- KEYS[2]  the incarnation: a number that whoever finds none has drawn, and that is gone with
--          everything else once Redis has lost what it held
-- ARGV[1]  this gateway
-- ARGV[2]  a number drawn for the incarnation, should there be none
-- ARGV[3]  ms after which a gateway that was not heard of is dead
--
-- Answers {gateways, incarnation}.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local patience = tonumber(ARGV[3])

redis.call('ZADD', KEYS[1], string.format('%.0f', now), ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('(%.0f', now - patience))
redis.call('PEXPIRE', KEYS[1], ARGV[3])
local incarnation = redis.call('GET', KEYS[2])
if not incarnation then
  incarnation = ARGV[2]
  redis.call('SET', KEYS[2], incarnation)
end
-- When nobody has lived for as long as the longest window can count, it means nothing any more.
redis.call('PEXPIRE', KEYS[2], 172800000)
return {redis.call('ZCARD', KEYS[1]), incarnation}
