import { defineScript } from "./scripts.ts";

/**
 * Keys of one scope, all with its hash tag, so that a cluster keeps them together. `base` is the first key of each script.
 *   base:e:<question>   hash: d document, v vector, s signature, t turn, c created, x expires, h hits; expires by itself
 *   base:s:<signature>  sorted set of questions by creation
 *   base:x  base:o      sorted sets of questions by expiry and by creation
 *   base:v              sorted set of questions with a vector, by a number that grows with every change: what is newer than
 *                       the number a process knows is what it has not read yet
 *   base:l  base:m      hash of sizes; hash with the last number given
 * Questions, signatures and turns stand there as hashes.
 */
const DROP = `
local base = KEYS[1]
local function drop(question)
  local entry = base .. ':e:' .. question
  local signature = redis.call('HGET', entry, 's')
  if signature then redis.call('ZREM', base .. ':s:' .. signature, question) end
  redis.call('DEL', entry)
  redis.call('ZREM', base .. ':x', question)
  redis.call('ZREM', base .. ':o', question)
  redis.call('ZREM', base .. ':v', question)
  redis.call('HDEL', base .. ':l', question)
end
`;

/**
 * ARGV: question, signature or '', turn, createdAtMs, expiresAtMs, hits, document, vector or '', entriesMax, keepMs.
 * The number of a change begins with the server's clock: it is larger than any that was given before all was cleared.
 */
export const putEntry = defineScript(`${DROP}
local question, signature, vector, keep = ARGV[1], ARGV[2], ARGV[8], tonumber(ARGV[10])
for _, old in ipairs(redis.call('ZRANGEBYSCORE', base .. ':x', '-inf', ARGV[4], 'LIMIT', 0, 200)) do drop(old) end
drop(question)
local entry = base .. ':e:' .. question
redis.call('HSET', entry, 'd', ARGV[7], 't', ARGV[3], 'c', ARGV[4], 'x', ARGV[5], 'h', ARGV[6])
redis.call('ZADD', base .. ':x', ARGV[5], question)
redis.call('ZADD', base .. ':o', ARGV[4], question)
redis.call('HSET', base .. ':l', question, #ARGV[7] + #vector)
if signature ~= '' then
  redis.call('HSET', entry, 's', signature)
  redis.call('ZADD', base .. ':s:' .. signature, ARGV[4], question)
  redis.call('PEXPIRE', base .. ':s:' .. signature, keep)
end
if vector ~= '' then
  local time = redis.call('TIME')
  local last = tonumber(redis.call('HGET', base .. ':m', 'change') or '0')
  local change = math.max(last + 1, tonumber(time[1]) * 1000000 + tonumber(time[2]))
  redis.call('HSET', entry, 'v', vector)
  redis.call('HSET', base .. ':m', 'change', string.format('%.0f', change))
  redis.call('ZADD', base .. ':v', string.format('%.0f', change), question)
end
redis.call('PEXPIRE', entry, keep)
local extra = redis.call('ZCARD', base .. ':o') - tonumber(ARGV[9])
if extra > 0 then
  for _, old in ipairs(redis.call('ZRANGE', base .. ':o', 0, extra - 1)) do drop(old) end
end
for _, name in ipairs({ 'x', 'o', 'v', 'l', 'm' }) do
  if redis.call('PTTL', base .. ':' .. name) < keep then redis.call('PEXPIRE', base .. ':' .. name, keep) end
end
return 1
`);

const READ = `
local function read(entry, nowMs)
  local row = redis.call('HMGET', entry, 'd', 'v', 'c', 'x', 'h')
  if not row[1] or tonumber(row[4]) <= tonumber(nowMs) then return false end
  return row
end
`;

/** ARGV: question, nowMs. Counts the hit. */
export const getEntry = defineScript(`${READ}
local entry = KEYS[1] .. ':e:' .. ARGV[1]
local row = read(entry, ARGV[2])
if row then row[5] = redis.call('HINCRBY', entry, 'h', 1) end
return row
`);

/** ARGV: nowMs, then questions. A row or nil for each. */
export const readEntries = defineScript(`${READ}
local rows = {}
for index = 2, #ARGV do rows[index - 1] = read(KEYS[1] .. ':e:' .. ARGV[index], ARGV[1]) end
return rows
`);

/** ARGV: signature, nowMs, limit. Newest first. */
export const findSigned = defineScript(`${READ}
local rows = {}
for _, question in ipairs(redis.call('ZREVRANGE', KEYS[1] .. ':s:' .. ARGV[1], 0, -1)) do
  local row = read(KEYS[1] .. ':e:' .. question, ARGV[2])
  if row then rows[#rows + 1] = row end
  if #rows == tonumber(ARGV[3]) then break end
end
return rows
`);

/** ARGV: turn, then questions; only those that are still of this turn go. Returns how many. */
export const dropOfTurn = defineScript(`${DROP}
local count = 0
for index = 2, #ARGV do
  if redis.call('HGET', base .. ':e:' .. ARGV[index], 't') == ARGV[1] then
    drop(ARGV[index])
    count = count + 1
  end
end
return count
`);

/** ARGV: the largest expiry that goes, how many at most. Returns how many went, and how many questions were looked at. */
export const dropExpired = defineScript(`${DROP}
local questions = redis.call('ZRANGEBYSCORE', base .. ':x', '-inf', ARGV[1], 'LIMIT', 0, tonumber(ARGV[2]))
local count = 0
for _, question in ipairs(questions) do
  count = count + redis.call('EXISTS', base .. ':e:' .. question)
  drop(question)
end
return { count, #questions }
`);

/** Returns the number of entries and of their bytes. */
export const measureScope = defineScript(`
local bytes = 0
for _, size in ipairs(redis.call('HVALS', KEYS[1] .. ':l')) do bytes = bytes + tonumber(size) end
return { redis.call('HLEN', KEYS[1] .. ':l'), bytes }
`);

/** The turn's entries, and the list is gone: who puts one meanwhile sees that. */
export const takeTurn = defineScript(`
local entries = redis.call('SMEMBERS', KEYS[1])
redis.call('DEL', KEYS[1])
return entries
`);
