-- Commits a page: its products and sightings, the query's progress, what comes next, and the end of the lease.
-- ARGV: task, token, JSON of the rest, then three lists, each preceded by its length: ids of the page's items,
-- (scope, id, line) of its rows, lines of its sightings; then an answer to keep for other jobs or as a dead letter.
-- Returns: {'lost'} | {'conflict', the present image} | {'done', number of new products}
local task, rest = ARGV[1], cjson.decode(ARGV[3])
if lease_of(task) ~= ARGV[2] then return {'lost'} end
local key = query_key(task)
local _, sends = lease_of(task)
local is_deadly = sends == '0' and tonumber(call('HGET', key, 'deaths') or '0') >= MOST_DEATHS

if rest.image then
  local known = call('HGET', IMAGES, rest.image.seed_id)
  local version = known and cjson.decode(known).version or 0
  if version ~= rest.image.version then return {'conflict', known or ''} end
  if rest.image.content then
    call('HSET', IMAGES, rest.image.seed_id, rest.image.content)
  else
    call('HDEL', IMAGES, rest.image.seed_id)
  end
end

local at = 4
local function next_argument()
  at = at + 1
  return ARGV[at - 1]
end

local function next_list()
  local list = {}
  for n = 1, tonumber(next_argument()) do list[n] = next_argument() end
  return list
end

-- Passes a list to a command in chunks, since Lua can unpack only so many values. Returns the sum of the replies.
local function all(command, key, values)
  local sum = 0
  for n = 1, #values, 1000 do
    sum = sum + call(command, key, unpack(values, n, math.min(n + 999, #values)))
  end
  return sum
end

local fresh, new = all('SADD', P .. ':seen:' .. task, next_list()), 0
local products, lines = tonumber(next_argument()), {}
for _ = 1, products do
  local scope, id, line = next_argument(), next_argument(), next_argument()
  if is_new(scope, id) then
    new = new + 1
    lines[new] = line
  end
end
all('RPUSH', P .. ':items', lines)
local seen = next_list()
all('RPUSH', P .. ':sightings', seen)
if call('HEXISTS', JOB, 'sightings') == 1 then count('sightings', #seen) end  -- jobs of an older version have no such count
local kept = next_argument()
if rest.refused then call('SADD', rest.refused[1], rest.refused[2]) end
if rest.keep then call('SET', rest.keep, kept, 'PX', rest.keep_ms) end

if rest.counts == false then refund(task) end
if rest.mends then
  add_to_query(rest.mends, {new_items = new, rejected_items = rest.rejected})
else
  set_fields(key, rest.set)
  if new > 0 then call('HINCRBY', key, 'new_items', new) end
  if rest.rejected ~= 0 then call('HINCRBY', key, 'rejected_items', rest.rejected) end
end
count('products', new)
count('duplicates', products - new)
for name, by in pairs(rest.count or {}) do count(name, by) end
for name, value in pairs(rest.first or {}) do call('HSETNX', JOB, name, value) end
if rest.count and rest.count.pages then
  call('HINCRBY', P .. ':pace', math.floor(now / 60000), rest.count.pages)
  call('HDEL', P .. ':pace', math.floor(now / 60000) - 60)
end

end_lease(task, ARGV[2])
if rest.letter then
  if kept ~= '' then call('HSET', BODIES, rest.letter_of, kept) end
  count('dead', call('HSET', DEAD, rest.letter_of, rest.letter))
  -- Keep the ids of rows it has written for as long as its letters exist.
  if rest.letter_of ~= task then call('HSET', key, 'spoiled', 1) end
elseif is_deadly then  -- its answer, if any, could not be read: keep it, and what is known of it
  local letter = letter_of(task)
  letter.error = rest.set.message or rest.others and rest.others[1] and rest.others[1].set.message
  letter.at = now
  if letter.after then reject_unreadable(task, letter.after.unreadable) end
  if letter.after and (tonumber(letter.after.pages) or 0) > 0 then
    rest.ends_fresh, rest.ends_stale = {'partial', 'error'}, {'partial', 'error'}
  end
  set_fields(key, letter.after or {})
  count('dead', call('HSET', DEAD, task, cjson.encode(letter)))
end
if rest.letter_of ~= task and not is_deadly then
  call('HDEL', BODIES, task)
  call('HDEL', DEAD, task)
end
-- Queries that failed because the conversion is a dead letter go on when that is replayed.
local waited = (rest.letter_of == task or is_deadly) and is_conversion(task) and call('HGET', key, 'repeat')
for _, other in ipairs(rest.others or {}) do
  set_fields(query_key(other.task), other.set)
  if waited then call('HSET', query_key(other.task), 'conversion', waited) end
  if other.ends then
    end_query(other.task, other.ends[1], other.ends[2])
  elseif other.queue then
    queue(other.task)
  end
end
-- Last, so that the query's next page comes before other queries.
if rest.mends then
  end_mend(task)
elseif is_conversion(task) then
  call('DEL', key)
else
  local ending = fresh > 0 and rest.ends_fresh or fresh == 0 and rest.ends_stale
  if ending then
    end_query(task, ending[1], ending[2], ending[3])
  elseif rest.next then
    call('HDEL', key, 'attempt', 'spared', 'refusals', 'deaths')
    note_pages_left(task, rest.left)
    queue(task, false, end_is_near())
  elseif call('HEXISTS', OUTCOMES, task) == 0 and (rest.set.empty_at or '') ~= '' then
    note_pages_left(task, 1)  -- its first page is in doubt, and has all the items it will have, as far as is known
  end
end
end_if_done()
return {'done', new}
