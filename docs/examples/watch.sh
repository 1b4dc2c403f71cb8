#!/bin/sh
# A daily watch: crawl, compare with what was told last, tell, tidy up. docs/watch.md explains it.
#
#     watch.sh        today's job
#     watch.sh JOB    the same with a job that was stopped (4), or in which searches failed (3)
#
# Run it in the project's folder. It reads, from the environment:
#
#     WATCH_SEEDS     the list of articles (seeds.csv)
#     WATCH_SERIES    the name of the series (watch)
#     WATCH_KEEP      how many jobs stay on the disk (30; 2 at least)
#     WATCH_NOTIFY    the webhook's URL; none: nobody is told
#     TMAPI_…         settings: TMAPI_TOKEN, TMAPI_BUDGET, TMAPI_NOTIFY_SECRET, TMAPI_OUTPUT_DIR
#
# Exit status: 0 nothing changed, 5 something did, 3 the same, but some searches failed,
# 2 wrong settings, 4 stopped early or not told, 75 a run of this watch is not done yet.
#
# A signal (Ctrl-C, kill, a terminal that was closed) ends what runs now in good order, and nothing
# more is begun: exit status 4, unless all was told already. The next run tells the rest.
set -u
series=${WATCH_SERIES:-watch}
output=${TMAPI_OUTPUT_DIR:-output}
told=$output/$series.told # the two jobs whose changes were told last
mkdir -p "$output" || exit 2

say() { echo "watch.sh: $*" >&2 || true; } # there may be no terminal any more
busy() { say "a run of $series is not done yet ($lock)" && exit 75; }

# One run at a time. The system lets go of flock's lock however the run ends; a folder that is a
# lock, where there is no flock, has to be removed by hand after a power cut.
lock=$output/$series.lock
if command -v flock >/dev/null; then
    exec 9>"$lock"
    flock -n 9 || busy
else
    lock=$lock.d
    mkdir "$lock" 2>/dev/null || busy
    trap 'rmdir "$lock"' EXIT
fi

# What runs is no part of the terminal: else a Ctrl-C would reach it twice, which is a kill.
apart=setsid
command -v setsid >/dev/null || { apart='' && set -m 2>/dev/null; }
child='' stopped='' unsent=''
hand_on() {
    if [ -n "$unsent" ] && [ -n "$child" ]; then
        unsent='' && kill -TERM "$child" 2>/dev/null
    fi
}
trap 'stopped=1 unsent=1; hand_on' INT TERM HUP
run() { # runs a command to its end, whatever signals come meanwhile; returns its exit status
    [ -z "$stopped" ] || return 4
    $apart "$@" </dev/null &
    child=$!
    hand_on
    wait "$child"
    ended=$?
    while kill -0 "$child" 2>/dev/null; do # a signal has ended the wait, not the command
        wait "$child"
        ended=$?
    done
    child=''
    return $ended
}

# What was told last: a job, and the one that it was compared with.
before=- last=-
[ ! -r "$told" ] || read -r before last <"$told"

# Crawl. A job named SERIES-TIME is one of the series.
if [ $# -gt 0 ]; then
    job=$1
    if [ "$last" != - ] && LC_ALL=C expr "x$job" \< "x$last" >/dev/null; then
        say "$job is older than what was told last ($last): crawl and compare it by hand" && exit 2
    fi
    run scrapy crawl image_search -a job="$job"
else
    job=$series-$(date -u +%Y%m%dT%H%M%SZ)
    run scrapy crawl image_search -a job="$job" -a seeds="${WATCH_SEEDS:-seeds.csv}"
fi
crawled=$?
case $crawled in
    0) ;;
    3) say "some searches failed, and what they would find is unknown; to try them again: $0 $job" ;;
    4) say "stopped early, nothing is compared; mend what is named above, then: $0 $job" && exit 4 ;;
    *) exit $crawled ;;
esac
[ -z "$stopped" ] || { say "stopped, nothing is compared; to go on: $0 $job" && exit 4; }

# Compare with the last job that was told of, whatever came between: what could not be told
# yesterday is told today. The first one has nothing to compare with.
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
    4) say "not told; the next run tells it too, or now: $0 $job" && exit 4 ;;
    *) exit $compared ;;
esac
echo "$before $job" >"$told.new" && mv "$told.new" "$told" || exit 4

# Tidy up.
run scrapy tmapi prune "$series" --keep "${WATCH_KEEP:-30}" --yes
[ $crawled -eq 3 ] && exit 3
exit $compared
