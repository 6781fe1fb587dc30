-- The full job for nginx's Lua module: token, limit, identity, headers, metrics.
--
-- A token that was good is remembered, with its end, in a table of the worker; a limit is two
-- adjacent buckets in shared memory, as PyGateway's is.

local cjson = require "cjson.safe"
local digest = require "openssl.digest"
local hmac = require "openssl.hmac"
local lrucache = require "resty.lrucache"
local pkey = require "openssl.pkey"

local Gate = {}
Gate.__index = Gate

local function new(options)
  local self = setmetatable(options, Gate)
  self.known = lrucache.new(10000)
  if self.algorithm ~= "HS256" then
    self.public = pkey.new(self.key)
  end
  return self
end

local function decoded(text)
  local base64 = text:gsub("-", "+"):gsub("_", "/")
  return ngx.decode_base64(base64 .. ("="):rep(-#base64 % 4))
end

-- An integer of a signature in DER: without leading zeros, and positive.
local function integer(bytes)
  bytes = bytes:gsub("^%z+", "")
  if bytes == "" or bytes:byte() >= 128 then
    bytes = "\0" .. bytes
  end
  return "\2" .. string.char(#bytes) .. bytes
end

function Gate:signed(text, signature)
  if self.algorithm == "HS256" then
    return hmac.new(self.key, "sha256"):final(text) == signature
  end
  if self.algorithm == "ES256" then
    if #signature ~= 64 then
      return false
    end
    local both = integer(signature:sub(1, 32)) .. integer(signature:sub(33))
    signature = "\48" .. string.char(#both) .. both
  end
  return self.public:verify(signature, digest.new("sha256"):update(text))
end

-- The claims of a token, or nothing.
function Gate:verified(token, now)
  local head, body, signature = token:match("^([%w_-]+)%.([%w_-]+)%.([%w_-]+)$")
  if not head then
    return
  end
  local header = cjson.decode(decoded(head) or "")
  if type(header) ~= "table" or header.alg ~= self.algorithm then
    return
  end
  local bytes = decoded(signature)
  if not bytes or not self:signed(head .. "." .. body, bytes) then
    return
  end
  local claims = cjson.decode(decoded(body) or "")
  if type(claims) ~= "table" or claims.iss ~= self.issuer or claims.aud ~= self.audience
    or type(claims.exp) ~= "number" or claims.exp <= now or type(claims.sub) ~= "string" then
    return
  end
  return claims
end

local function refuse()
  ngx.header["WWW-Authenticate"] = "Bearer"
  return ngx.exit(401)
end

function Gate:enter()
  local authorization = ngx.var.http_authorization
  if not authorization then
    return refuse()
  end
  local now = ngx.now()
  local claims = self.known:get(authorization)
  if not claims then
    local token = authorization:match("^[Bb]earer (.+)$")
    claims = token and self:verified(token, now)
    if not claims then
      return refuse()
    end
    self.known:set(authorization, claims, math.min(claims.exp - now, 60))
  end
  local user = claims.sub
  local bucket = math.floor(now / self.window)
  local limits = ngx.shared.limits
  local current = limits:incr(user .. ":" .. bucket, 1, 0, 2 * self.window)
  local previous = limits:get(user .. ":" .. bucket - 1) or 0
  local used = previous * (1 - (now / self.window - bucket)) + current
  if used > self.quota then
    limits:incr(user .. ":" .. bucket, -1)
    ngx.header["Retry-After"] = math.ceil((bucket + 1) * self.window - now)
    ngx.header["X-RateLimit-Limit"] = self.quota
    ngx.header["X-RateLimit-Remaining"] = 0
    return ngx.exit(429)
  end
  local context = ngx.ctx
  context.remaining = math.floor(self.quota - used)
  context.reset = math.ceil((bucket + 1) * self.window - now)
  ngx.var.user = user
end

function Gate:answer()
  local context = ngx.ctx
  if context.remaining then
    ngx.header["X-RateLimit-Limit"] = self.quota
    ngx.header["X-RateLimit-Remaining"] = context.remaining
    ngx.header["X-RateLimit-Reset"] = context.reset
  end
end

local bounds = { 0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10 }

-- A counter for each status, and a histogram of durations.
function Gate:count()
  local metrics = ngx.shared.metrics
  local duration = tonumber(ngx.var.request_time)
  metrics:incr("status:" .. ngx.status, 1, 0)
  metrics:incr("duration:sum", duration, 0)
  local bucket = #bounds + 1
  for index = 1, #bounds do
    if duration <= bounds[index] then
      bucket = index
      break
    end
  end
  metrics:incr("duration:" .. bucket, 1, 0)
end

return { new = new }
