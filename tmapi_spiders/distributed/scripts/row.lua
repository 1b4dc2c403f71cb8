-- Writes a row that came of no page, but of a request of the project's own. ARGV: a name of its own, by which it is
-- written once, scope, id, line. Returns 1 if it was new.
if not job('state') then return 0 end
if call('SADD', P .. ':rows', ARGV[1]) == 0 then return 0 end
if not is_new(ARGV[2], ARGV[3]) then
  count('duplicates', 1)
  return 0
end
call('RPUSH', P .. ':items', ARGV[4])
count('products', 1)
return 1
