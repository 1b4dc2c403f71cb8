-- Puts seeds in, those that are not there yet. ARGV: queries of each seed, then for each seed its id,
-- its text, and the JSON of its image if it is converted first, else ''. Returns how many were new; -1: the job is gone.
if not job('state') or job('state') == 'deleting' then return -1 end
local each, new = tonumber(ARGV[1]), 0
for n = 2, #ARGV, 3 do
  local seed_id = ARGV[n]
  if call('HSETNX', SEEDS, seed_id, ARGV[n + 1]) == 1 then
    new = new + 1
    if ARGV[n + 2] ~= '' then
      call('HSET', IMAGES, seed_id, ARGV[n + 2])
      call('HSET', query_key(seed_id .. '/c'), 'payer', seed_id .. '/0', 'repeat', '1')
      call('RPUSH', REQUESTS, seed_id .. '/c')
    else
      for which = 0, each - 1 do call('RPUSH', REQUESTS, seed_id .. '/' .. which) end
    end
  end
end
call('HSET', JOB, 'each', each)
if new > 0 and job('state') == 'ended' then  -- another feeder has ended meanwhile
  call('HSET', JOB, 'state', 'open')
  call('HDEL', JOB, 'ended_at')
end
count('seeds', new)
count('queries', new * each)
call('HSET', JOB, 'fed_at', now)
return new
