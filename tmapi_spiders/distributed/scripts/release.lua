-- Returns a permit from permit.lua. ARGV: its number, the task that it is counted to or '', how the call ended
-- (answered, refused, failed), whether it counts ('1'), milliseconds of the pause after a refusal, failures in a row
-- that are taken for an outage, milliseconds on which the pauses before probes are based, then *sign* and *said* as in
-- exchange.lua, or ''.
if not job('state') then return 0 end
local held = call('ZCARD', PERMITS)
if call('ZREM', PERMITS, permit(OTHER_CALL, ARGV[1])) == 0 then return 0 end
if ARGV[4] ~= '1' then
  count('calls', -1)
  count('struck', 1)
  if ARGV[2] ~= '' then add_to_query(payer(ARGV[2]) or ARGV[2], {calls = -1}) end
end
if ARGV[3] == 'answered' then learn_from_answer(held) end
if ARGV[3] == 'refused' then
  count('over_limit', 1)
  -- If the call is a page's, its lease is given back as refused as well, which counts as the same refusal.
  if ARGV[2] == '' then learn_from_refusal(held - 1, tonumber(ARGV[5])) end
end
if ARGV[8] == 'works' then
  api_worked()
elseif ARGV[8] ~= '' then
  api_failed(OTHER_CALL, ARGV[1], ARGV[8], ARGV[9], tonumber(ARGV[6]), tonumber(ARGV[7]))
end
return 1
