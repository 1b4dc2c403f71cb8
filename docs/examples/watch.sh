#!/bin/sh
# A daily watch: crawl, compare with the last job reported, report, prune. See docs/watch.md.
#
#     watch.sh        today's job
#     watch.sh JOB    the same with a job that was stopped (4) or had failed queries (3)
#
# Run it in the project's folder. It reads these environment variables:
#
#     WATCH_SEEDS     the list of articles (seeds.csv)
#     WATCH_SERIES    the name of the series (watch)
#     WATCH_KEEP      how many jobs to keep on disk (30; at least 2)
#     WATCH_NOTIFY    the webhook's URL; if unset, no message is sent
#     TMAPI_…         settings: TMAPI_TOKEN, TMAPI_BUDGET, TMAPI_NOTIFY_SECRET, TMAPI_OUTPUT_DIR
#
# Exit status: 0 nothing changed, 5 something did, 3 either, but some queries failed,
# 2 wrong settings, 4 stopped early or not reported, 75 another run is not done yet.
#
# A signal (Ctrl-C, kill, a closed terminal) stops the running command cleanly, and no other is
# started: exit status 4, unless all was reported already. The next run reports the rest.
set -u
series=${WATCH_SERIES:-watch}
output=${TMAPI_OUTPUT_DIR:-output}
told=$output/$series.told # the two jobs whose changes were reported last
mkdir -p "$output" || exit 2

say() { echo "watch.sh: $*" >&2 || true; } # the terminal may be gone
busy() { say "a run of $series is not done yet ($lock)" && exit 75; }

# One run at a time. flock's lock is released however the run ends. Without flock, the lock is a
# folder, which has to be removed by hand after a power cut.
lock=$output/$series.lock
if command -v flock >/dev/null; then
    exec 9>"$lock"
    flock -n 9 || busy
else
    lock=$lock.d
    mkdir "$lock" 2>/dev/null || busy
    trap 'rmdir "$lock"' EXIT
fi

# Detach commands from the terminal: else Ctrl-C would reach them twice, which ends them at once.
apart=setsid
command -v setsid >/dev/null || { apart='' && set -m 2>/dev/null; }
child='' stopped='' unsent=''
hand_on() {
    if [ -n "$unsent" ] && [ -n "$child" ]; then
        unsent='' && kill -TERM "$child" 2>/dev/null
    fi
}
trap 'stopped=1 unsent=1; hand_on' INT TERM HUP
run() { # run a command to its end, whatever signals arrive; return its exit status
    [ -z "$stopped" ] || return 4
    $apart "$@" </dev/null &
    child=$!
    hand_on
    wait "$child"
    ended=$?
    while kill -0 "$child" 2>/dev/null; do # a signal ended the wait, not the command
        wait "$child"
        ended=$?
    done
    child=''
    return $ended
}

# The last comparison reported: a job, and the one before it.
before=- last=-
[ ! -r "$told" ] || read -r before last <"$told"

# Crawl. A job named SERIES-TIME belongs to the series.
if [ $# -gt 0 ]; then
    job=$1
    if [ "$last" != - ] && LC_ALL=C expr "x$job" \< "x$last" >/dev/null; then
        say "$job is older than the last job reported ($last): crawl and compare it by hand" && exit 2
    fi
    run scrapy crawl image_search -a job="$job"
else
    job=$series-$(date -u +%Y%m%dT%H%M%SZ)
    run scrapy crawl image_search -a job="$job" -a seeds="${WATCH_SEEDS:-seeds.csv}"
fi
crawled=$?
case $crawled in
    0) ;;
    3) say "some queries failed, and what they would find is unknown; to retry them: $0 $job" ;;
    4) say "stopped early, nothing was compared; fix the cause named above, then: $0 $job" && exit 4 ;;
    *) exit $crawled ;;
esac
[ -z "$stopped" ] || { say "stopped, nothing was compared; to resume: $0 $job" && exit 4; }

# Compare with the last job reported, whatever came between: what could not be reported yesterday
# is reported today. The first job has nothing to compare with.
[ "$last" = "$job" ] || before=$last
if [ "$before" = - ]; then
    say "$job is the first of $series: nothing to compare yet"
else
    run scrapy tmapi compare "$before" "$job" -o "$output/$job/changes.jsonl" \
        ${WATCH_NOTIFY:+--notify "$WATCH_NOTIFY"}
fi
compared=$?
case $compared in
    0 | 5) ;;
    4) say "not reported; the next run reports it too, or to report it now: $0 $job" && exit 4 ;;
    *) exit $compared ;;
esac
echo "$before $job" >"$told.new" && mv "$told.new" "$told" || exit 4

# Prune.
run scrapy tmapi prune "$series" --keep "${WATCH_KEEP:-30}" --yes
[ $crawled -eq 3 ] && exit 3
exit $compared
