-- Returns the permits of finished calls, requeues delayed tasks that are due and tasks whose lease has expired, and
-- leases new tasks to the worker.
-- ARGV: worker, leases wanted, milliseconds of a lease, number of stops it knows of, JSON: [[task, token, sign, said,
-- unanswered]] of finished calls, prefix of conversion keys ('' = use none), the time (ISO 8601) for queries that
-- begin, failures in a row that are taken for an outage, milliseconds on which the pauses before probes are based.
-- *sign*: 'works', or why the job would stop if nothing else came; none: it says nothing about the API as a whole.
-- Returns: JSON of the job's state, then for each lease {task, token, sends, seed, query, image, body, dead letter}.
local worker, wanted, lease_ms, known_stops = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local outage_calls, outage_pause = tonumber(ARGV[8] or '0'), tonumber(ARGV[9] or '0')

local answers = cjson.decode(ARGV[5])
if not job('state') then
  for _, over in ipairs(answers) do call('ZREM', PERMITS, permit(over[1], over[2])) end
  return {cjson.encode({state = 'gone'})}
end
renew_after_downtime(lease_ms)
note_alive(worker, lease_ms)

-- Foreign data under the queue's key would block the queue: move it away.
local kind = call('TYPE', REQUESTS)['ok']
if kind ~= 'list' and kind ~= 'none' then
  call('RENAME', REQUESTS, P .. ':foreign')
  call('HSET', DEAD, 'foreign', cjson.encode({error = 'a ' .. kind .. ' was under the key of the queue; it is now in ' .. P .. ':foreign', at = now}))
end

for _, task in ipairs(call('ZRANGEBYSCORE', LEASES, '-inf', now, 'LIMIT', 0, 100)) do
  end_lease(task, (lease_of(task)))
  count('expired', 1)
  local is_deadly = call('HINCRBY', query_key(task), 'deaths', 1) >= MOST_DEATHS
  -- Behind the others: a task that kills workers then kills fewer of them, and one that a dying worker merely held
  -- is not held by the next that dies.
  queue(task, is_deadly, not is_deadly)
end
call('ZREMRANGEBYSCORE', PERMITS, '-inf', now)
for _, task in ipairs(call('ZRANGEBYSCORE', DELAYED, '-inf', now, 'LIMIT', 0, 100)) do
  call('ZREM', DELAYED, task)
  queue_again(task)
end

local leases, mine = {}, 0  -- this worker's calls in flight
local all = call('HGETALL', LEASED)
for n = 1, #all, 2 do
  local token, whose = string.match(all[n + 1], '^(%d+) 1 %d+ (.*)$')
  if whose == worker and call('ZSCORE', PERMITS, permit(all[n], token)) then mine = mine + 1 end
end
local workers = math.max(call('ZCOUNT', ALIVE, now, '+inf'), 1)

-- Hands out as many leases as there is room for.
local function hand_out()
  if job('state') ~= 'open' or job('stops') ~= known_stops then return end
  local known = limit()
  local allowed = math.min(math.floor(known.allowed), most())
  local fair = math.ceil(allowed / workers)
  local budget, calls = number('budget'), number('calls')
  while #leases < wanted do
    local from, pop, task = FREE, 'LPOP', call('LINDEX', FREE, 0)
    if not task then
      from, task = REQUESTS, call('LINDEX', REQUESTS, 0)
      if task and not may_lease(task, allowed) then
        pop, task = 'RPOP', call('LINDEX', REQUESTS, -1)  -- requeued tasks of dead workers are at the end
        if not is_begun(task) then break end
      end
    end
    if not task then break end
    local mended = mended_by(task)
    local seed_id, which = string.match(mended or task, '^(%x+)/(%w+)$')
    local seed = seed_id and call('HGET', SEEDS, seed_id)
    if which == 'c' then
      if not payer(task) then seed = nil end
    elseif not string.match(which or '', '^%d+$') or tonumber(which) >= queries_of(seed_id) then
      seed = nil
    end
    if not seed then
      call(pop, from)
      local id = 'foreign-' .. call('HINCRBY', JOB, 'foreign', 1)
      call('HSET', BODIES, id, task)
      call('HSET', DEAD, id, cjson.encode({error = 'it was in the queue, and is not a task of this job', at = now}))
    elseif call('HEXISTS', LEASED, task) == 1 or call('HEXISTS', OUTCOMES, task) == 1 then
      call(pop, from)  -- queued twice
    elseif mended and call('HEXISTS', BODIES, task) == 0 then
      call(pop, from)  -- it was read meanwhile
      end_mend(task)
    else
      local key = query_key(task)
      local body = call('HGET', BODIES, task)
      if not body and ARGV[6] ~= '' and which == 'c' and (call('HGET', key, 'repeat') or '1') == '1'
        and call('HEXISTS', key, 'unusable') == 0 then
        body = call('GET', ARGV[6] .. (string.match(seed, '^{"image_id":"(%x+)"') or seed_id))
      end
      -- A task that has killed too many workers is leased without a call, so that a worker reports its end.
      local is_deadly = tonumber(call('HGET', key, 'deaths') or '0') >= MOST_DEATHS
      if is_deadly then body = nil end
      local sends = (body or is_deadly) and '0' or '1'
      if sends == '1' then
        if budget > 0 and calls >= budget then
          -- otherwise one of those in flight may turn out not to count
          if call('ZCARD', LEASES) == 0 and #leases == 0 then
            stop_at_budget(calls, budget)
          end
          break
        end
        if call('ZCARD', PERMITS) >= allowed or mine >= fair or known.paused_until > now then break end
        if not may_call(outage_calls) then break end
      end
      call(pop, from)
      -- Contains the time, so that no token is issued twice if this server loses its last writes.
      local token = string.format('%d', now * 1000 + call('HINCRBY', JOB, 'tokens', 1) % 1000)
      call('HSET', LEASED, task, token .. ' ' .. sends .. ' ' .. now .. ' ' .. worker)
      call('ZADD', LEASES, now + lease_ms, task)
      if sends == '1' then
        calls, mine = calls + 1, mine + 1
        call('ZADD', PERMITS, now + lease_ms, permit(task, token))
        if outage_calls > 0 and outage().probe_at then call('HSET', OUTAGE, 'probe', task .. ' ' .. token) end
        local is_first = which ~= 'c' and (call('HGET', key, 'page') or '1') == '1'
        if is_first or not is_begun(task) then note_pages_left(payer(task), most_pages() < MOST_PAGES and most_pages()) end
        count('calls', 1)
        local paying = query_key(payer(task))
        call('HINCRBY', paying, 'calls', 1)
        if tonumber(call('HGET', key, 'attempt') or '1') > 1 then call('HINCRBY', paying, 'retries', 1) end
        call('HSETNX', paying, 'started_at', ARGV[7])
      end
      leases[#leases + 1] = {
        task, token, sends, seed, call('HGETALL', key), call('HGET', IMAGES, seed_id) or '', body or '',
        call('HGET', DEAD, task) or ''
      }
    end
  end
end

-- One by one, and each place is filled again at once: the number in flight when an answer comes shows whether there
-- was demand for more.
for _, over in ipairs(answers) do
  local task, token, sign = over[1], over[2], over[3]
  local held = call('ZCARD', PERMITS)
  if call('ZREM', PERMITS, permit(task, token)) == 1 then
    mine = mine - 1
    if not over[5] then learn_from_answer(held) end
    if sign == 'works' then
      api_worked()
    elseif sign then
      api_failed(task, token, sign, over[4], outage_calls, outage_pause)
    end
    hand_out()
  end
end
hand_out()
end_if_done()

local STATES = {open = true, stopped = true, ended = true, deleting = true}
local state, known = job('state'), limit()
local allowed = math.min(math.floor(known.allowed), most())

-- Whether a key holds what only a manual edit can have put there, so that this worker would wait for ever.
local function is_amiss()
  if not STATES[state] or not ({['0'] = true, ['1'] = true})[job('fed')] or allowed < 1 then return true end
  if not string.match(job('budget') or '', '^%d+$') or number('max_concurrency') > MOST_CALLS then return true end
  if known.paused_until > now + LONGEST_MS then return true end
  for _, key in ipairs({PERMITS, LEASES, DELAYED}) do
    local last = call('ZREVRANGE', key, 0, 0, 'WITHSCORES')[2]
    if last and not (tonumber(last) <= now + LONGEST_MS) then return true end
  end
  if call('ZCARD', PERMITS) < allowed then return false end
  for _, held in ipairs(call('ZREVRANGE', PERMITS, 0, FIRST_PERMITS - 1)) do
    if not string.match(held, '^image_search:[%w_-]+ %x+/%w+ %d+$') then return true end
  end
  return false
end

local converting = 0
for _, task in ipairs(call('HKEYS', LEASED)) do
  if is_conversion(task) then converting = converting + 1 end
end

local failing = outage()
local due = call('ZRANGE', DELAYED, 0, 0, 'WITHSCORES')
local ahead = due[2] and math.min(math.max(0, due[2] - now), LONGEST_MS)
return {cjson.encode({
  state = state, stops = job('stops'), reason = job('stop_reason') or '',
  detail = job('stop_detail') or '', requests = queued(),
  leases = call('ZCARD', LEASES), due = ahead or -1,
  held = call('ZCARD', PERMITS), allowed = allowed, converting = converting, fed = job('fed'),
  queries = job('queries') or '0', failures = job('failures') or '0', doubtful = job('evidence:all') or '0',
  feed_age = now - tonumber(job('fed_at') or '0'),
  ended = call('HLEN', OUTCOMES), pages = job('pages') or '0', products = job('products') or '0',
  duplicates = job('duplicates') or '0', calls = job('calls') or '0',
  spares = outage_calls > 0 and failing.spares, probes = failing.probe_at and failing.probes or -1,
  failing = call('HGET', OUTAGE, 'failing') or '', amiss = is_amiss(),
}), unpack(leases)}
