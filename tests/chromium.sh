#!/bin/sh
# Chromium, for Playwright, without the page that it draws below its address bar: each window begins with two
# processes for that one, which is never seen here. Chromium heeds only the last --disable-features, so that ours are
# added to Playwright's.
for argument; do
    shift
    case $argument in
        --disable-features=*) argument=$argument,WebUIOmniboxPopup,WebUIOmniboxAimPopup,WebUIOmniboxFullPopup ;;
    esac
    set -- "$@" "$argument"
done
exec "$(command -v chromium || command -v chromium-browser || command -v google-chrome)" "$@"
