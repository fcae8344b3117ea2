#!/bin/sh
# Make sure the browser tests have a Chromium: an installed one, else Debian's where it may be installed.
# Otherwise one line says that they are skipped; with CI set that is a failure.
set -eu

works() {
    for name in chromium chromium-browser google-chrome; do
        if "$name" --version >/dev/null 2>&1; then
            return
        fi
    done
    return 1
}

if works; then
    exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing Debian's Chromium for the browser tests ..."
    export DEBIAN_FRONTEND=noninteractive
    { timeout 300 apt-get update && timeout 600 apt-get install --yes --no-install-recommends chromium fonts-liberation; } >/dev/null 2>&1 || true
fi
if works; then
    exit 0
fi
if [ -n "${CI:-}" ]; then
    echo "There is no Chromium and it could not be installed: with CI set the browser tests must run." >&2
    exit 1
fi
echo "Browser tests are skipped: there is no chromium, chromium-browser or google-chrome (root may apt-get install chromium)."
