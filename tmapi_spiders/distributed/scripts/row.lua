-- Writes a row that came from a request of the project's own rather than a page. ARGV: an id of this write, so that
-- it is done once, scope, id, line. Returns 1 if the row was new.
if not job('state') then return 0 end
if call('SADD', P .. ':rows', ARGV[1]) == 0 then return 0 end
if not is_new(ARGV[2], ARGV[3]) then
  count('duplicates', 1)
  return 0
end
call('RPUSH', P .. ':items', ARGV[4])
count('products', 1)
return 1
