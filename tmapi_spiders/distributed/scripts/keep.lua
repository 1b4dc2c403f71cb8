-- Notes that a job that was to expire stays. ARGV: the list of all jobs, the job's name.
if job('state') then
  call('HDEL', JOB, 'exported_at')
  list_job(ARGV[1], ARGV[2], '+inf')
end
