#!/bin/sh
# Makes docs/images/explore.png: a page of opvasm explore, opened in a headless Chromium.
#     make screenshot
set -eu
opvasm=$1
folder=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$opvasm" explore samples/races/ring.opv head_first -f html -o "$work/page.html"
chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
    --disable-background-networking --disable-component-update --disable-sync \
    --user-data-dir="$work/profile" --hide-scrollbars --window-size=1200,1500 \
    --screenshot="$work/page.png" "file://$work/page.html" 2> "$work/log" || {
    cat "$work/log"
    exit 1
}
mv "$work/page.png" "$folder/explore.png"
