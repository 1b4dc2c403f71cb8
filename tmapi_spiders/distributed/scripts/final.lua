-- Returns a token of the job's final state if nothing more will come of it by itself: it has ended and no row is
-- awaited, or it was stopped and its workers have left.
-- ARGV: the job's id, then '' to ask, or the token returned before and the time, to note that all was exported.
-- Returns: '' if the job is not final, or its state is another than before; else the token.
local state = job('state')
if job('id') ~= ARGV[1] then return '' end
-- Whether a worker's requests of the project's own may still lead to rows; a killed worker counts for one more lease.
local function is_awaited()
  for _, worker in ipairs(call('ZRANGEBYSCORE', ALIVE, now, '+inf')) do
    if string.find(call('HGET', WORKERS, worker) or '', '"is_awaited":true', 1, true) then return true end
  end
  return false
end
local is_final = state == 'ended' and not is_awaited()
  or state == 'stopped' and call('ZCOUNT', ALIVE, now, '+inf') == 0
if not is_final then return '' end
local found = state
for _, field in ipairs({'stops', 'ended_at', 'queries', 'calls', 'tokens', 'fed_at'}) do
  found = found .. ' ' .. (job(field) or '')
end
if ARGV[2] ~= '' then
  if found ~= ARGV[2] then return '' end
  call('HSET', JOB, 'exported_at', ARGV[3])
end
return found
