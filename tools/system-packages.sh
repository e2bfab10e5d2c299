#!/bin/sh
# What pip cannot install, for what is asked for:  tools/system-packages.sh demo|test|book|hub|bench
#   bubblewrap             the sandbox
#   chromium               tests in a browser, or Chrome (tests/chromium.py)
#   npm                    the book's fonts and formulas, a Hub's proxy, their tests
#   iproute2, openssl      a test of grading on several nodes
# Installs them where it may (root on Debian or Ubuntu); elsewhere it says plainly what is missing, and goes on.
set -eu
case ${1:-} in
demo) wanted="bubblewrap" ;;
test) wanted="bubblewrap chromium npm iproute2 openssl" ;;
book) wanted="npm" ;;
bench) wanted="bubblewrap chromium npm" ;;
hub) wanted="bubblewrap npm" ;;
*)
    echo "Usage: $0 demo|test|book|hub|bench" >&2
    exit 2
    ;;
esac
there() {
    case $1 in
    bubblewrap) command -v bwrap ;;
    chromium) command -v chromium || command -v chromium-browser || command -v google-chrome ;;
    iproute2) command -v ip || test -x /sbin/ip ;;
    *) command -v "$1" ;;
    esac >/dev/null 2>&1
}
missing=""
for name in $wanted; do
    there "$name" || missing="$missing $name"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing system packages:$missing ..."
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    # shellcheck disable=SC2086
    if { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing; } \
        >"$log" 2>&1; then
        exit 0
    fi
    echo "They could not be installed; the end of apt-get's output:" >&2
    tail -n 3 "$log" >&2
fi
for name in $missing; do
    case $name in
    bubblewrap) what="the sandbox: grading goes on with time and memory limits only, and its tests are skipped" ;;
    chromium) what="the tests in a browser, which are skipped" ;;
    npm) what="the book's fonts and formulas, so the book cannot be built, and for the proxy of a Hub" ;;
    *) what="the test of grading on several nodes, which is skipped" ;;
    esac
    echo "Missing: $name. It is needed for $what." >&2
done
echo "To install:  sudo apt-get install$missing" >&2
