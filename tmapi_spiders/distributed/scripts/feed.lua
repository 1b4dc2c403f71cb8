-- Adds seeds that the job does not have yet. ARGV: queries of a usual seed, the most pages that a query of these may
-- have, then for each seed its key, its record, its number of queries, and the JSON of its image, or '' if all of them
-- may ask at once. Returns the number of new seeds, of their queries, and of seeds that exist with another row; {} if
-- the job is gone.
if not job('state') or job('state') == 'deleting' then return {} end
local usual, new, queries, differing = ARGV[1], 0, 0, 0
for n = 3, #ARGV, 4 do
  local seed_id, record, each = ARGV[n], ARGV[n + 1], tonumber(ARGV[n + 2])
  if call('HSETNX', SEEDS, seed_id, record) == 1 then
    new, queries = new + 1, queries + each
    if ARGV[n + 2] ~= usual then call('HSET', EACH, seed_id, each) end
    local image = ARGV[n + 3] ~= '' and cjson.decode(ARGV[n + 3])
    if image then call('HSET', IMAGES, seed_id, ARGV[n + 3]) end
    if image and image.ahead ~= cjson.null then
      call('RPUSH', REQUESTS, image.ahead)
    elseif image then
      call('HSET', query_key(seed_id .. '/c'), 'payer', seed_id .. '/0', 'repeat', '1')
      call('RPUSH', REQUESTS, seed_id .. '/c')
    else
      for which = 0, each - 1 do call('RPUSH', REQUESTS, seed_id .. '/' .. which) end
    end
  else
    local there = call('HGET', SEEDS, seed_id)
    local has_row = string.sub(there, 1, 1) == '{' or string.sub(record, 1, 1) == '{'
    if has_row and there ~= record then differing = differing + 1 end
  end
end
call('HSET', JOB, 'each', usual, 'most_pages', math.max(number('most_pages'), ARGV[2]))
if new > 0 and job('state') == 'ended' then  -- another process has finished enqueueing meanwhile
  call('HSET', JOB, 'state', 'open')
  call('HDEL', JOB, 'ended_at')
end
count('seeds', new)
count('queries', queries)
call('HSET', JOB, 'fed_at', now)
return {new, queries, differing}
