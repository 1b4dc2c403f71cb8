-- Creates the job unless it exists. ARGV: the list of all jobs, the job's name, fields and values.
if call('EXISTS', JOB) == 0 then
  for n = 3, #ARGV, 2 do call('HSET', JOB, ARGV[n], ARGV[n + 1]) end
  list_job(ARGV[1], ARGV[2], '+inf')
end
