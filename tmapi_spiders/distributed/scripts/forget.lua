-- Removes an expired job from the list of jobs, with what workers may have written since.
-- ARGV: the list of all jobs, the job's name. Returns 1 if it was gone.
if call('EXISTS', JOB) == 1 then return 0 end
call('ZREM', ARGV[1], ARGV[2])
call('UNLINK', ALIVE, WORKERS)
return 1
