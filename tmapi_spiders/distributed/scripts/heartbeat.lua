-- Extends a worker's leases, and gives back those it does not know of: the reply that contained them was lost, so no
-- call was made.
-- ARGV: worker, milliseconds of a lease, JSON: {task: token} that it holds, JSON describing the worker or '' when it
-- leaves, then numbers of its calls in flight that have no lease (permit.lua).
-- Returns the tasks that are no longer its own.
local worker, lease_ms, held = ARGV[1], tonumber(ARGV[2]), cjson.decode(ARGV[3])
if not job('state') then return {} end
renew_after_downtime(lease_ms)
local lost = {}
for task, token in pairs(held) do
  if lease_of(task) == token then
    call('ZADD', LEASES, now + lease_ms, task)
    call('ZADD', PERMITS, 'XX', now + lease_ms, permit(task, token))
  else
    lost[#lost + 1] = task
  end
end
for n = 5, #ARGV do call('ZADD', PERMITS, now + lease_ms, permit(OTHER_CALL, ARGV[n])) end
local all = call('HGETALL', LEASED)
for n = 1, #all, 2 do
  local token, sends, _, whose = string.match(all[n + 1], '^(%d+) (%d) (%d+) (.*)$')
  if whose == worker and not held[all[n]] then
    if sends == '1' then refund(all[n]) end
    end_lease(all[n], token)
    queue(all[n])
  end
end
if ARGV[4] ~= '' then
  note_alive(worker, lease_ms, ARGV[4])
else
  call('ZREM', ALIVE, worker)
  call('HDEL', WORKERS, worker)
end
return lost
