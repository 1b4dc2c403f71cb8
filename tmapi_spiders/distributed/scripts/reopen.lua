-- Lets queries that ended by an error go on where they ended. ARGV: seed key, JSON of its image or '', the version
-- that the image must have, task of a conversion that those at their first page wait for or '', its number among the
-- image's conversions, then the queries' tasks, the one that pays for the conversion first.
-- Returns the tasks; nil, changing nothing, if the image or one of the queries has changed meanwhile.
local seed_id, image, conversion = ARGV[1], ARGV[2], ARGV[4]
local known = call('HGET', IMAGES, seed_id)
if (known and cjson.decode(known).version or 0) ~= tonumber(ARGV[3]) then return false end
local outcomes = {}
for n = 6, #ARGV do
  local found = call('HGET', OUTCOMES, ARGV[n])
  local outcome = found and cjson.decode(found) or {}
  if outcome.status ~= 'failed' and (outcome.status ~= 'partial' or outcome.reason ~= 'error') then
    return false
  end
  outcomes[n - 5] = outcome
end

local behind = {}
for _, task in ipairs(image ~= '' and cjson.decode(image).behind or {}) do behind[task] = true end

local tasks = {}
for n, outcome in ipairs(outcomes) do
  local task = ARGV[n + 5]
  tasks[n] = task
  count('status:' .. outcome.status, -1)
  count('failures', -1)
  count_evidence(outcome, -1)
  count('ended_calls', -(outcome.calls or 0))
  count('ended_pages', -(outcome.pages or 0))
  local has_answer = call('HEXISTS', BODIES, task) == 1
  local is_first = (outcome.page or '1') == '1'
  for _, field in ipairs({'status', 'reason', 'code', 'message', 'conversion'}) do outcome[field] = nil end
  if is_first and not has_answer then  -- it will ask by what is known of the image now
    outcome.img_url, outcome.generation = nil, nil
  end
  for field, value in pairs(outcome) do call('HSET', query_key(task), field, value) end
  -- Rereading an answer needs the query's progress before it; the later progress is kept in case no worker can read it.
  local letter = letter_of(task)
  if has_answer and letter.before then
    letter.after = {}
    reject_unreadable(task, letter.before.unreadable)
    for field, value in pairs(letter.before) do
      letter.after[field] = outcome[field] or ''
      call('HSET', query_key(task), field, type(value) == 'number' and string.format('%.0f', value) or value)
    end
    call('HSET', DEAD, task, cjson.encode(letter))
  end
  call('HDEL', OUTCOMES, task)
  if has_answer then
    queue(task)
  elseif not is_first or (conversion == '' and not behind[task]) then
    call('RPUSH', REQUESTS, task)
  end
end
if image ~= '' then call('HSET', IMAGES, seed_id, image) end
if conversion ~= '' then
  call('DEL', query_key(conversion))
  call('HSET', query_key(conversion), 'payer', tasks[1], 'repeat', ARGV[5])
  if call('HEXISTS', BODIES, conversion) == 1 then
    queue(conversion)
  else
    call('RPUSH', REQUESTS, conversion)
  end
end
if job('state') == 'ended' then
  call('HSET', JOB, 'state', 'open')
  call('HDEL', JOB, 'ended_at')
end
return tasks
