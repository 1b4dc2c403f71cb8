-- Begins (ARGV 1 = '0') or ends ('1') the deletion of the job; no one works on it in between.
-- ARGV: '0' or '1', the list of all jobs, the job's name.
-- Returns: {live workers, leases held}; the deletion has begun if both are 0.
local alive, held = call('ZCOUNT', ALIVE, now, '+inf'), call('ZCOUNT', LEASES, now, '+inf')
if ARGV[1] == '1' then
  call('UNLINK', JOB)
  call('ZREM', ARGV[2], ARGV[3])
elseif alive == 0 and held == 0 then
  call('HSET', JOB, 'state', 'deleting')
end
return {alive, held}
