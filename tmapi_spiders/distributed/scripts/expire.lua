-- Makes keys of the job expire, if it is still ended and exported.
-- ARGV: the job's id, when (ms), the list of all jobs, the job's name, keys. Returns 1 if it did.
if job('id') ~= ARGV[1] or job('state') ~= 'ended' or not job('exported_at') then return 0 end
for n = 5, #ARGV do call('PEXPIREAT', ARGV[n], ARGV[2]) end
list_job(ARGV[3], ARGV[4], ARGV[2])
return 1
