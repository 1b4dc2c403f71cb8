-- Gives a permit for a call that has no lease: a project's own request, or one that is sent again for a lease that was
-- answered. ARGV: its number, milliseconds of a lease (heartbeats extend it), the task that it is counted to or '',
-- failures in a row that are taken for an outage. Returns 1: granted; 0: ask again; -1: the job was stopped.
local held = permit(OTHER_CALL, ARGV[1])
if call('ZSCORE', PERMITS, held) then return 1 end  -- the reply was lost
local state = job('state')
if state ~= 'open' and state ~= 'ended' then return -1 end
call('ZREMRANGEBYSCORE', PERMITS, '-inf', now)
local known, calls, budget = limit(), number('calls'), number('budget')
if budget > 0 and calls >= budget then
  if in_flight() == 0 then stop_at_budget(calls, budget) end  -- otherwise one of those may turn out not to count
  return 0
end
if call('ZCARD', PERMITS) >= math.min(math.floor(known.allowed), most()) or known.paused_until > now
  or not may_call(tonumber(ARGV[4])) then
  return 0
end
call('ZADD', PERMITS, now + tonumber(ARGV[2]), held)
if ARGV[4] ~= '0' and outage().probe_at then call('HSET', OUTAGE, 'probe', OTHER_CALL .. ' ' .. ARGV[1]) end
count('calls', 1)
if ARGV[3] ~= '' then add_to_query(payer(ARGV[3]) or ARGV[3], {calls = 1}) end
return 1
