#!/bin/sh
# What pip cannot install: bubblewrap (the sandbox), Chromium (browser tests), Node (the book's assets), iproute2 and
# OpenSSL (a test of grading on several nodes).
# Installs them where it may (root on Debian or Ubuntu); says plainly what is missing elsewhere.
set -eu
missing=""
command -v bwrap >/dev/null 2>&1 || missing="$missing bubblewrap"
command -v chromium >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1 || missing="$missing chromium"
command -v npm >/dev/null 2>&1 || missing="$missing npm"
command -v ip >/dev/null 2>&1 || missing="$missing iproute2"
command -v openssl >/dev/null 2>&1 || missing="$missing openssl"
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing system packages:$missing ..."
    if { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing; } \
        >/tmp/autograder-apt.log 2>&1; then
        exit 0
    fi
    echo "They could not be installed; the end of apt-get's output:" >&2
    tail -n 3 /tmp/autograder-apt.log >&2
fi
for name in $missing; do
    case $name in
    bubblewrap) what="the sandbox: grading goes on with time and memory limits only, and its tests are skipped" ;;
    chromium) what="the tests in a browser, which are skipped" ;;
    npm) what="the book's fonts and formulas, so the book cannot be built" ;;
    iproute2 | openssl) what="the test of grading on several nodes, which is skipped" ;;
    esac
    echo "Missing: $name. It is needed for $what." >&2
done
echo "To install:  sudo apt-get install$missing" >&2
