-- Notes that rows are safe in a file, and drops them here if asked to.
-- ARGV: the job's id, items or sightings, lines of the file, '1' to drop those rows, rows dropped before, digest of
-- the file's last line.
-- Returns: gone (another job has the name now) | dropped (another export has dropped rows meanwhile) | done
local rows, lines = ARGV[2], tonumber(ARGV[3])
if job('id') ~= ARGV[1] then return 'gone' end
local reply = 'done'
if ARGV[4] == '1' then
  local before = tonumber(job('trimmed:' .. rows) or '0')
  if before ~= tonumber(ARGV[5]) then
    reply = 'dropped'
  elseif lines > before then
    call('LTRIM', P .. ':' .. rows, lines - before, -1)  -- first, since it works even if the server is full
    call('HSET', JOB, 'trimmed:' .. rows, ARGV[3], 'trimmed_last:' .. rows, ARGV[6])
  end
end
if lines > tonumber(job('exported:' .. rows) or '0') then
  call('HSET', JOB, 'exported:' .. rows, ARGV[3])
end
return reply
