-- Queues mends: pages to be reread, since a pipeline failed on their items.
-- ARGV: mends of one query, in the order of their pages. Returns how many; 0 if one of them is being read now.
if not job('state') or job('state') == 'deleting' then return 0 end
local mends = {}
for n = 1, #ARGV do
  if call('HEXISTS', LEASED, ARGV[n]) == 1 then return 0 end
  if call('HEXISTS', BODIES, ARGV[n]) == 1 then mends[#mends + 1] = ARGV[n] end
end
local number = #mends
queue_mends(mends)
if number > 0 and job('state') == 'ended' then
  call('HSET', JOB, 'state', 'open')
  call('HDEL', JOB, 'ended_at')
end
return number
