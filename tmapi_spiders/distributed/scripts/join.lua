-- A worker joins: a stopped job resumes. Returns the number of stops so far.
if job('state') == 'stopped' then
  call('HSET', JOB, 'state', 'open')
  call('HDEL', JOB, 'stop_reason', 'stop_detail')
  call('DEL', OUTAGE)
end
for _, worker in ipairs(call('ZRANGEBYSCORE', ALIVE, '-inf', now - 3600000)) do
  call('ZREM', ALIVE, worker)
  call('HDEL', WORKERS, worker)
end
return job('stops') or '0'
