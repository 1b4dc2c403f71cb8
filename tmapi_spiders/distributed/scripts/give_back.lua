-- Gives a lease back: another worker may take the task, at once or later.
-- ARGV: task, token, JSON: {how, counts, delay, set, note, pause, count, letter}.
-- how: retry (a try has failed), refused (over the concurrency limit), unsent, or unreadable (what Redis has of the
-- task is not what a worker has written).
local task, rest = ARGV[1], cjson.decode(ARGV[3])
local token, sends = lease_of(task)
if token ~= ARGV[2] then return 'lost' end
local key = query_key(task)
if sends == '1' and not rest.counts then refund(task) end
set_fields(key, rest.set or {})
set_fields(query_key(payer(task)), rest.note or {})
for name, by in pairs(rest.count or {}) do count(name, by) end
if is_conversion(task) and sends == '0' and (rest.how == 'retry' or rest.how == 'refused')
  and call('HEXISTS', BODIES, task) == 0 then
  -- The conversion that another job kept is unusable: this one will be paid for, and that is its first attempt.
  call('HSET', key, 'unusable', 1)
  call('HDEL', key, 'attempt', 'spared', 'refusals')
end
end_lease(task, token)
if rest.how == 'refused' then learn_from_refusal(call('ZCARD', PERMITS), rest.pause) end
if rest.how == 'unreadable' then
  local letter = letter_of(task)  -- what is known of the answer still holds
  for name, value in pairs(cjson.decode(rest.letter)) do letter[name] = value end
  count('dead', call('HSET', DEAD, task, cjson.encode(letter)))
  if mended_by(task) then
    end_mend(task)
  elseif is_conversion(task) then
    fail_unconverted(task, cjson.decode(rest.letter).error)
  else
    let_others_ask(task)
    fail_query(task)
  end
elseif rest.delay > 0 then
  call('ZADD', DELAYED, now + rest.delay, task)
else
  queue_again(task)
end
end_if_done()
return 'done'
