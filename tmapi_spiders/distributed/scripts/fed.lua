-- Marks the beginning (ARGV 1 = '0') or the end ('1') of enqueueing seeds.
if not job('state') or job('state') == 'deleting' then return false end
call('HSET', JOB, 'fed', ARGV[1], 'fed_at', now)
if ARGV[1] == '0' and job('state') == 'ended' then
  call('HSET', JOB, 'state', 'open')
  call('HDEL', JOB, 'ended_at')
end
end_if_done()
return job('state')
