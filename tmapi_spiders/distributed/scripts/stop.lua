-- Stops the job: workers get no more leases. ARGV: reason, detail, number of stops known or ''.
local state = job('state')
if state == 'open' and (ARGV[3] == '' or job('stops') == ARGV[3]) then stop(ARGV[1], ARGV[2]) end
return state
