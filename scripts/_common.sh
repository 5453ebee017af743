# shellcheck shell=bash
# Sourced by the other scripts: words for the person, and what this machine allows.

say() { printf '%s\n' "$*" >&2; }

die() {
    say "$*"
    exit 1
}

# True when packages of Debian (or of a distribution made of them) can be installed.
can_apt() { [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; }

# apt_install PACKAGE...: quiet unless it fails, then apt's own words.
apt_install() {
    local log
    log=$(mktemp)
    if ! { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends -y "$@"; } \
        >"$log" 2>&1 </dev/null; then
        cat "$log" >&2
        rm -f "$log"
        die "apt-get could not install $*; its words are above."
    fi
    rm -f "$log"
}
