-- Has queries that ended by an error go on where they ended. ARGV: seed id, JSON of its image or '',
-- version of the image that is to be there, task of a conversion or '', then the queries' tasks.
-- Returns how many go on; -1 if the image has changed meanwhile.
local seed_id, known = ARGV[1], call('HGET', IMAGES, ARGV[1])
if (known and cjson.decode(known).version or 0) ~= tonumber(ARGV[3]) then return -1 end
local opened, queue = 0, ARGV[4] == ''
for n = 5, #ARGV do
  local task = ARGV[n]
  local found = call('HGET', OUTCOMES, task)
  if found then
    local outcome = cjson.decode(found)
    if outcome.status == 'failed' or (outcome.status == 'partial' and outcome.reason == 'error') then
      count('status:' .. outcome.status, -1)
      count('failures', -1)
      for _, field in ipairs({'status', 'reason', 'code', 'message'}) do outcome[field] = nil end
      for field, value in pairs(outcome) do call('HSET', query_key(task), field, value) end
      call('HDEL', OUTCOMES, task)
      if call('HEXISTS', BODIES, task) == 1 then
        if queue then call('LPUSH', REQUESTS, task) end  -- it costs nothing, and may be all there is
      elseif queue then
        call('RPUSH', REQUESTS, task)
      end
      opened = opened + 1
    end
  end
end
if opened > 0 then
  if ARGV[2] ~= '' then call('HSET', IMAGES, seed_id, ARGV[2]) end
  if not queue then
    call('DEL', query_key(ARGV[4]))
    call('HSET', query_key(ARGV[4]), 'payer', ARGV[5], 'repeat', '1')
    call('RPUSH', REQUESTS, ARGV[4])
  end
  if job('state') == 'ended' then
    call('HSET', JOB, 'state', 'open')
    call('HDEL', JOB, 'ended_at')
  end
end
return opened
