-- Shared by all scripts. KEYS: 1 the job's prefix (P), 2 the account's (A); see keys.py.
-- A script is atomic: its changes happen together or not at all, and no one sees half of them.
local P, A = KEYS[1], KEYS[2] or KEYS[1]  -- the second only if the account is concerned
local call = redis.call
local clock = call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local JOB, REQUESTS, FREE, DELAYED = P .. ':job', P .. ':requests', P .. ':free', P .. ':delayed'
local LEASES, LEASED = P .. ':leases', P .. ':leased'
local SEEDS, EACH, IMAGES, OUTCOMES = P .. ':seeds', P .. ':each', P .. ':images', P .. ':outcomes'
local DEAD, BODIES = P .. ':dead', P .. ':bodies'
local ALIVE, WORKERS = P .. ':alive', P .. ':workers'
local OUTAGE, BEGUN = P .. ':outage', P .. ':begun'
local PERMITS, LIMIT = A .. ':permits', A .. ':limit'

local function job(field) return call('HGET', JOB, field) end
local function count(field, by) if by ~= 0 then call('HINCRBY', JOB, field, by) end end
local function query_key(task) return P .. ':query:' .. task end
local function is_conversion(task) return string.sub(task, -2) == '/c' end
local OTHER_CALL = '0/x'  -- stands in for the task of a call that has no lease
local function permit(task, token) return P .. ' ' .. task .. ' ' .. token end

-- The query that a task's calls are counted to; for a conversion, the one that asked for it.
local function payer(task)
  if is_conversion(task) then return call('HGET', query_key(task), 'payer') end
  return task
end

-- How many queries a seed has: as many as usual, unless it has arguments of its own.
local function queries_of(seed_id) return tonumber(call('HGET', EACH, seed_id) or job('each') or '0') end

-- Puts a task at the head of the queue, or at its end. Tasks that need no call have a queue that comes first: behind
-- a task that has to wait for the budget, they would never be done.
local function queue(task, is_free, is_last)
  local free = is_free or call('HEXISTS', BODIES, task) == 1
  call(is_last and 'RPUSH' or 'LPUSH', free and FREE or REQUESTS, task)
end

-- Whether the API fails everything, as far as is known: the rules of outage.py, for all workers together.
-- *spares*: failures count against the API now; *probe_at*: when the next probe may leave, if it is probed.
local function outage()
  local found = call('HMGET', OUTAGE, 'failures', 'queries', 'probes', 'probe_at')
  local queries = tonumber(found[2] or '0')
  return {
    failures = tonumber(found[1] or '0'), queries = queries, probes = tonumber(found[3] or '0'),
    probe_at = tonumber(found[4]), spares = queries >= DIFFERENT,
  }
end

-- Puts a task back at the head of the queue, or at its end if it has just failed as a probe: a bad query says nothing
-- about the API.
local function queue_again(task)
  local probe = call('HGET', OUTAGE, 'probe')
  queue(task, false, probe and string.match(probe, '^(%S+)') == task)
end

local function queued() return call('LLEN', FREE) + call('LLEN', REQUESTS) end

-- Notes that a worker is alive. If the job is set to expire, these notes expire with it.
local function note_alive(worker, lease_ms, about)
  call('ZADD', ALIVE, now + lease_ms, worker)
  if about then call('HSET', WORKERS, worker, about) end
  local left = call('PTTL', JOB)
  if left < 0 then return end
  call('PEXPIRE', ALIVE, left)
  call('PEXPIRE', WORKERS, left)
end

-- Notes in the list of all jobs when this one expires; the list expires with the last of them.
local function list_job(jobs, name, until_ms)
  call('ZREMRANGEBYSCORE', jobs, '-inf', now)
  call('ZADD', jobs, until_ms, name)
  local last = call('ZRANGE', jobs, -1, -1, 'WITHSCORES')[2]
  if last == 'inf' then call('PERSIST', jobs) else call('PEXPIREAT', jobs, last) end
end

local function set_fields(key, fields)
  for name, value in pairs(fields) do
    if value == '' then call('HDEL', key, name) else call('HSET', key, name, value) end
  end
end

-- The parts of a lease: fencing token, whether it is for a call, since when, worker. Nil if there is none.
local function lease_of(task)
  local found = call('HGET', LEASED, task)
  if found then return string.match(found, '^(%d+) (%d) (%d+) (.*)$') end
end

-- Whether a row is the first with its id in its scope; one without an id always is.
local function is_new(scope, id)
  return id == '' or call('SADD', P .. ':dupefilter:' .. scope, id) == 1
end

-- Adds to counters of a query, whether it has ended or not.
local function add_to_query(task, numbers)
  local ended = call('HGET', OUTCOMES, task)
  local outcome = ended and cjson.decode(ended)
  for field, by in pairs(numbers) do
    if outcome then
      outcome[field] = string.format('%d', (outcome[field] or '0') + by)
    elseif by ~= 0 then
      call('HINCRBY', query_key(task), field, by)
    end
  end
  if outcome then call('HSET', OUTCOMES, task, cjson.encode(outcome)) end
end

-- The query of a mend, a task that rereads a page (dead_letter.py); nil for other tasks.
local function mended_by(task) return string.match(task, '^(%x+/%d+)/p%d+$') end

-- A task's dead letter; empty if there is none, or if it is not one of ours.
local function letter_of(task)
  local is_json, letter = pcall(cjson.decode, call('HGET', DEAD, task) or '{}')
  if not is_json or type(letter) ~= 'table' then return {} end
  if type(letter.before) ~= 'table' then letter.before = nil end
  return letter
end

-- Adjusts a query's rejected items to the number of unreadable ones that it is about to get.
local function reject_unreadable(task, unreadable)
  local by = (tonumber(unreadable) or 0) - tonumber(call('HGET', query_key(task), 'unreadable') or '0')
  if by ~= 0 then call('HINCRBY', query_key(task), 'rejected_items', by) end
end

-- Queues the first of several mends of one query, and notes that the others follow: they are read one after another.
local function queue_mends(mends)
  local first = table.remove(mends, 1)
  if not first then return end
  if #mends > 0 then call('HSET', query_key(first), 'next', table.concat(mends, ' ')) end
  queue(first, true)
end

-- Ends a mend, and queues the next one of its query.
local function end_mend(task)
  local mends = {}
  for mend in string.gmatch(call('HGET', query_key(task), 'next') or '', '%S+') do mends[#mends + 1] = mend end
  call('DEL', query_key(task))
  queue_mends(mends)
end

local function end_lease(task, token)
  call('HDEL', LEASED, task)
  call('ZREM', LEASES, task)
  call('ZREM', PERMITS, permit(task, token))
end

-- Returns the place in the budget of a call that does not count.
local function refund(task)
  count('calls', -1)
  local again = tonumber(call('HGET', query_key(task), 'attempt') or '1') > 1
  local key = query_key(payer(task))
  if again then call('HINCRBY', key, 'retries', -1) end
  if call('HINCRBY', key, 'calls', -1) == 0 then call('HDEL', key, 'started_at') end
end

local function number(field) return tonumber(job(field) or '0') or 0 end
local function most_pages() return tonumber(job('most_pages') or MOST_PAGES) end
local function is_begun(task) return call('HEXISTS', BEGUN, payer(task) or task) == 1 end

-- Notes how many pages an open query has left, as far as is known (pages_left in page_order.py); nil or false: unknown.
local function note_pages_left(task, left)
  call('HSET', BEGUN, task, (call('HGET', query_key(task), 'pages') or '0') .. ' ' .. (left or ''))
end

-- How many pages the open queries and one more need: the rule of Lengths.needed in page_order.py.
local function needed()
  local begun, ended, longest = call('HVALS', BEGUN), call('HLEN', OUTCOMES), number('longest')
  local known, pages, sum, unknown = ended, number('ended_pages'), 0, {}
  for _, one in ipairs(begun) do
    local read, left = string.match(one, '^(%d+) (%d*)$')
    read, left = tonumber(read or '0'), tonumber(left or '')
    if ended >= #begun then left = math.min(left or MOST_PAGES, math.max(longest - read, 1)) end
    if left then
      known, pages, sum = known + 1, pages + read + left, sum + left
    else
      unknown[#unknown + 1] = read
    end
  end
  local usual = known > 0 and math.ceil(pages / known) or most_pages()
  for _, read in ipairs(unknown) do sum = sum + math.max(usual - read, 1) end
  return sum + math.max(usual, 1)
end

-- Adds the evidence against a query's ending to the job's counters, or subtracts it.
local function count_evidence(outcome, by)
  if not outcome.evidence then return end
  count('evidence:all', by)
  for code in string.gmatch(outcome.evidence, '%S+') do count('evidence:' .. code, by) end
end

-- *evidence*: codes against the ending; nil: keep those that the query has.
local function end_query(task, status, reason, evidence)
  local key, outcome = query_key(task), {}
  call('HDEL', BEGUN, task)
  local pages = tonumber(call('HGET', key, 'pages') or '0')
  count('ended_pages', pages)
  count('ended_calls', tonumber(call('HGET', key, 'calls') or '0'))
  if pages > number('longest') then call('HSET', JOB, 'longest', pages) end
  call('HSET', key, 'status', status, 'reason', reason)
  if evidence then set_fields(key, {evidence = evidence}) end
  if reason == 'empty_page' and call('HEXISTS', key, 'empty_at') == 1 then  -- it was in doubt
    call('HSET', key, 'finished_at', call('HGET', key, 'empty_at'))
    local total = call('HGET', key, 'empty_total_count')
    if total then call('HSET', key, 'total_count', total) end
    set_fields(key, {evidence = call('HGET', key, 'empty_evidence') or ''})
  end
  local ended_well = status == 'complete' or status == 'empty'
  if ended_well then call('HDEL', key, 'code', 'message') end
  call('HDEL', key, 'attempt', 'spared', 'refusals', 'deaths')
  call('HDEL', key, 'empty_at', 'empty_total_count', 'empty_evidence')
  local fields = call('HGETALL', key)
  for n = 1, #fields, 2 do outcome[fields[n]] = fields[n + 1] end
  call('HSET', OUTCOMES, task, cjson.encode(outcome))
  call('DEL', key)
  if ended_well then
    call('DEL', P .. ':seen:' .. task)
    if not outcome.spoiled then call('DEL', P .. ':dupefilter:' .. task) end
  end
  count('status:' .. status, 1)
  count_evidence(outcome, 1)
  if status == 'failed' or (status == 'partial' and reason == 'error') then count('failures', 1) end
end

-- Ends a query by an error: partial if it has a page, else failed.
local function fail_query(task)
  local pages = tonumber(call('HGET', query_key(task), 'pages') or '0')
  end_query(task, pages > 0 and 'partial' or 'failed', 'error')
end

-- Lets an image's queries go on that were waiting behind one which can't be read.
local function let_others_ask(task)
  local seed_id = string.match(task, '^(%x+)/')
  local known = seed_id and call('HGET', IMAGES, seed_id)
  local is_json, image = pcall(cjson.decode, known or 'null')
  if not is_json or type(image) ~= 'table' or image.ahead ~= task then return end
  for n = #image.behind, 1, -1 do queue(image.behind[n]) end
  image.ahead, image.behind, image.is_read, image.version = cjson.null, {}, true, image.version + 1
  call('HSET', IMAGES, seed_id, cjson.encode(image))
end

-- Fails all queries of an image whose conversion can't be read: they were waiting for it.
local function fail_unconverted(conversion, message)
  local seed_id = string.sub(conversion, 1, -3)
  call('DEL', query_key(conversion))
  call('HDEL', IMAGES, seed_id)
  for which = 0, queries_of(seed_id) - 1 do
    local task = seed_id .. '/' .. which
    if call('HEXISTS', OUTCOMES, task) == 0 and call('HEXISTS', LEASED, task) == 0 then
      call('HSET', query_key(task), 'message', message)
      fail_query(task)
    end
  end
end

-- The job has ended when all seeds are in and nothing is left to do.
local function end_if_done()
  if job('state') == 'open' and job('fed') == '1' and queued() == 0
    and call('ZCARD', LEASES) == 0 and call('ZCARD', DELAYED) == 0 then
    call('HSET', JOB, 'state', 'ended', 'ended_at', now)
    call('DEL', IMAGES, OUTAGE)
  end
end

-- Time in which no one could reach this server (it was down, or suspended) does not count against leases: each gets a
-- whole lease again.
local function renew_after_downtime(lease_ms)
  local last = tonumber(job('seen_at') or now)
  call('HSET', JOB, 'seen_at', now)
  if now - last <= lease_ms / 2 then return end
  for _, task in ipairs(call('ZRANGE', LEASES, 0, -1)) do
    local token = lease_of(task)
    call('ZADD', LEASES, now + lease_ms, task)
    call('ZADD', PERMITS, 'XX', now + lease_ms, permit(task, token))
  end
end

local function stop(reason, detail)
  call('HINCRBY', JOB, 'stops', 1)
  call('HSET', JOB, 'state', 'stopped', 'stop_reason', reason, 'stop_detail', detail)
end

local function stop_at_budget(calls, budget)
  stop('budget', calls .. ' calls made by all workers, and TMAPI_BUDGET allows ' .. budget)
end

-- The account's concurrency limit: the rules of crawl/concurrency_limit.py, for all workers together.
local function limit()
  local found = call('HMGET', LIMIT, 'allowed', 'refused', 'probed_from', 'interval', 'probe_at',
    'pause', 'paused_until')
  return {
    allowed = tonumber(found[1] or FIRST), refused = found[2] == '1',
    probed_from = tonumber(found[3] or '0'), interval = tonumber(found[4] or PROBE_MS),
    probe_at = tonumber(found[5] or '0'), pause = tonumber(found[6] or '0'),
    paused_until = tonumber(found[7] or '0'),
  }
end

local function save_limit(known)
  -- With all digits, so that fractions add up to a whole at the same answer as in concurrency_limit.py.
  call('HSET', LIMIT, 'allowed', string.format('%.17g', known.allowed), 'refused', known.refused and '1' or '0',
    'probed_from', string.format('%.17g', known.probed_from), 'interval', known.interval, 'probe_at', known.probe_at,
    'pause', known.pause, 'paused_until', known.paused_until)
  call('EXPIRE', LIMIT, REMEMBERED_SECONDS)
end

local function most() return tonumber(job('max_concurrency') or '1') or 0 end

local function budget_left() return number('budget') - number('calls') end

-- Whether the budget covers all that is left to do in the worst case.
local function budget_suffices()
  if number('budget') == 0 then return true end
  local queries = number('queries') - call('HLEN', OUTCOMES)
  return number('budget') - number('ended_calls') >= (most_pages() + CONVERSIONS) * queries
end

-- Whether queries take turns from now on, so that none of the last is left running by itself. Before that, and where
-- the budget may not suffice, they are finished one after another (page_order.py).
local function end_is_near()
  return call('LLEN', REQUESTS) <= AHEAD * most() and budget_suffices()
end

-- Whether a task may be leased without leaving an open query half done; a task of an open query always may.
local function may_lease(task, allowed)
  local leased = call('ZCARD', LEASES)
  if leased + call('ZCARD', DELAYED) == 0 or is_begun(task) or end_is_near() then return true end
  if budget_suffices() then return leased < allowed + SPARE end  -- tasks that wait for a retry are in no one's way
  -- Pages whose calls are in flight are among those needed, and are already counted in the budget.
  return leased < allowed and needed() <= budget_left() + leased
end

-- Learns from an answer other than a refusal; *held*: calls in flight, the answered one included.
local function learn_from_answer(held)
  local known, highest = limit(), most()
  local changed = known.pause > 0
  known.pause = 0
  local allowed = math.floor(known.allowed)
  if held >= allowed and allowed < highest then
    local by = 1
    if known.refused and known.probed_from > 0 then
      by = 1 / allowed  -- the last raise held: one more each round
    elseif known.refused then
      if now >= known.probe_at then known.probed_from = known.allowed else by = 0 end
    end
    known.allowed = math.min(known.allowed + by, highest)
    changed = changed or by > 0
  end
  if changed then save_limit(known) end
end

-- A call has shown that the API works.
local function api_worked() call('DEL', OUTAGE) end

-- A call has failed in a way that may mean an outage. *reason*: why the job would stop; *said*: the failure; *most*:
-- failures in a row that are taken for an outage, 0 = never; *pause*: milliseconds, the first pause is twice as long.
local function api_failed(task, token, reason, said, most, pause)
  if most == 0 or job('state') ~= 'open' then return end
  call('HINCRBY', OUTAGE, 'failures', 1)
  if call('HSETNX', OUTAGE, 'query ' .. (payer(task) or task), 1) == 1 then call('HINCRBY', OUTAGE, 'queries', 1) end
  local known = outage()
  if known.probe_at then
    if call('HGET', OUTAGE, 'probe') ~= task .. ' ' .. token then return end
    known.probes = call('HINCRBY', OUTAGE, 'probes', 1)
  elseif known.failures < most or not known.spares then
    return
  end
  local failing = 'the last ' .. known.failures .. ' calls, of ' .. known.queries
    .. ' queries, failed; the last one: ' .. said
  if known.probes >= MOST_PROBES then
    stop(reason, failing)
  else
    local wait = math.min(pause * 2 ^ (known.probes + 1), LONGEST_DELAY_MS)
    call('HSET', OUTAGE, 'probe_at', string.format('%d', now + wait), 'failing', failing)
  end
end

-- This job's calls in flight.
local function in_flight()
  local mine = 0
  for _, held in ipairs(call('ZRANGE', PERMITS, 0, -1)) do
    if string.sub(held, 1, #P + 1) == P .. ' ' then mine = mine + 1 end
  end
  return mine
end

-- Whether the job may have one more call in flight, given that the API may fail everything.
local function may_call(most)
  local known = outage()
  if most == 0 or known.failures == 0 then return true end
  if known.probe_at then return now >= known.probe_at and in_flight() == 0 end
  return in_flight() < math.max(most - known.failures, 1)
end

-- Learns from a refusal; *held*: calls in flight besides the refused one; *first_pause* in milliseconds.
local function learn_from_refusal(held, first_pause)
  local known = limit()
  known.refused = true
  if known.probed_from > 0 then
    local further = held > known.probed_from
    known.interval = further and PROBE_MS or math.min(2 * known.interval, LONGEST_PROBE_MS)
    known.probed_from = 0
  end
  known.allowed = math.max(1, math.min(known.allowed, held))
  known.probe_at = now + known.interval
  if held == 0 then
    known.pause = known.pause == 0 and first_pause or math.min(2 * known.pause, LONGEST_PAUSE_MS)
    known.paused_until = now + known.pause
  end
  save_limit(known)
end

