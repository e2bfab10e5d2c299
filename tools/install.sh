#!/bin/sh
# Make the virtual environment and install the pinned packages into it. Called by make, in the clone's folder.
#   PYTHON  which Python; by default the first of 3.11, 3.12 and 3.13 that runs
#   VENV    where the environment is made
# Ends with 0 when it is done, 2 when something has to be done first (one line says what), 130 after Ctrl-C.
set -u
umask 022 # what root installs, submissions run with, as nobody
venv=${VENV:-.venv}
log=$venv/install.log
unfinished=$venv/.unfinished # there from the first moment to the last: an environment that has it is made anew. It holds our number.
HEARTBEAT=${HEARTBEAT:-15} # seconds
export PYTHONUTF8=1 PIP_DISABLE_PIP_VERSION_CHECK=1

say() { printf '%s\n' "$*"; }
stop() {
    say "$*" >&2
    exit 2
}

# What keeps a Python from being used, in one line; nothing when it can be used.
objection() {
    "$1" - 2>/dev/null <<'EOF' || echo "it does not run"
import platform, sys, sysconfig
version = sys.version_info
name = "%d.%d" % version[:2]
machine, system = platform.machine().lower(), sys.platform
if version < (3, 11):
    print("it is Python %s, which is too old" % name)
elif version >= (3, 14):
    print("it is Python %s, for which TensorFlow has no package yet" % name)
elif platform.python_implementation() != "CPython" or sysconfig.get_config_var("Py_GIL_DISABLED"):
    print("it is a special build of Python, for which TensorFlow has no package")
elif sys.maxsize < 2**32:
    print("it is a 32-bit Python, for which TensorFlow has no package")
elif system == "darwin" and machine == "x86_64":
    print("this Mac has an Intel processor, for which TensorFlow has no package any more")
elif machine not in ("x86_64", "amd64", "aarch64", "arm64"):
    print("this computer is a %s, for which TensorFlow has no package" % machine)
EOF
}

# The first Python that can be used; what kept the first one that was found from being used, otherwise.
choose_python() {
    first=
    for candidate in python3.11 python3.12 python3.13 python3 python "$HOME"/.pyenv/versions/3.1[123].*/bin/python3; do
        command -v "$candidate" >/dev/null 2>&1 || continue
        against=$(objection "$candidate")
        if [ -z "$against" ]; then
            PYTHON=$candidate
            return 0
        fi
        [ "$against" = "it does not run" ] || : "${first:=$candidate: $against}"
    done
    PYTHON=
    stop "This kit needs Python 3.11, 3.12 or 3.13, and none was found${first:+ ($first)}." \
        "Install one, or say where it is: make PYTHON=/path/to/python3.12 (book/setup.md says what else works)."
}

# The line that a person needs, from what pip or uv wrote.
reason() {
    if grep -qiE 'CERTIFICATE_VERIFY_FAILED|UnknownIssuer|invalid peer certificate|SSLError|self.signed' "$log"; then
        say "The package index's certificate is not trusted here. If your network has a certificate of its own, name its file and run this again: export SSL_CERT_FILE=/path/to/certificates.pem"
    elif grep -qiE 'No space left|disk quota|os error 28' "$log"; then
        say "The disk is full: the environment takes about 3 GB."
    elif grep -qiE 'no (wheels|version|matching)[^.]*tensorflow|tensorflow[^.]*no wheels' "$log"; then
        say "TensorFlow has no package for this Python on this computer. See book/setup.md for what works."
    elif grep -qiE 'No matching distribution|not found in the package registry|HTTP (error|status).*40[34]|40[34] Client Error' "$log" &&
        ! grep -qiE 'NewConnectionError|name resolution|getaddrinfo|dns error' "$log"; then
        say "The package index that is set here does not have everything: $(grep -iE 'ERROR|error' "$log" | tail -n 1)"
    elif grep -qiE 'NewConnectionError|name resolution|getaddrinfo|dns error|refused|timed out|unreachable|error sending request|ProxyError|tunnel' "$log"; then
        say "The package index cannot be reached. Check the network; behind a proxy, set HTTPS_PROXY. Then run this again."
    else
        say "The packages could not be installed: $(grep . "$log" | tail -n 1)"
    fi
}

# Run a step with its output in the log, and say that it is still going.
step() {
    "$@" >"$log" 2>&1 &
    working=$!
    began=$(date +%s)
    said=0
    while kill -0 "$working" 2>/dev/null; do
        sleep 0.2 2>/dev/null || sleep 1
        seconds=$(($(date +%s) - began))
        if [ $((seconds - said)) -ge "$HEARTBEAT" ]; then
            said=$seconds
            say "  $seconds s; $(du -sm "$venv" 2>/dev/null | cut -f 1) MB installed ..."
        fi
    done
    wait "$working"
}

# Ctrl-C reaches the step by itself where a terminal sends it, but not where only this script gets it.
stopped() {
    trap '' INT TERM HUP
    [ -z "${working:-}" ] || { kill "$working" && wait "$working"; } 2>/dev/null
    printf '\nStopped. The environment is not finished; run the same command again and it is made anew.\n' >&2
    exit 130
}
working=
trap stopped INT TERM HUP

if [ -n "${PYTHON:-}" ]; then
    command -v "$PYTHON" >/dev/null 2>&1 || stop "There is no program '$PYTHON'. Say which Python: make PYTHON=python3.12"
    against=$(objection "$PYTHON")
    [ -z "$against" ] || stop "'$PYTHON' cannot be used: $against. Choose Python 3.11, 3.12 or 3.13: make PYTHON=python3.12"
else
    choose_python
fi
case $(pwd -P) in
*:*) stop "Python makes no environment in a folder with a colon in its path: $(pwd -P). Move the clone, or rename the folder." ;;
esac
python=$venv/bin/python
if [ -e "$unfinished" ]; then
    other=$(cat "$unfinished")
    case $([ -z "$other" ] || ps -ww -p "$other" -o args= 2>/dev/null) in
    *install.sh*) stop "Another installation into $venv is under way (process $other). Wait until it has ended, and try again." ;;
    esac
    say "An earlier installation was not finished; the environment is made anew."
    rm -rf "$venv"
elif [ -e "$venv" ] && ! "$python" -c '' 2>/dev/null; then
    say "The Python of the environment in $venv is gone; it is made anew."
    rm -rf "$venv"
fi
mkdir -p "$venv" && echo $$ >"$unfinished" || stop "Nothing can be written to $venv here."

say "Installing into $venv with $PYTHON (about 3 GB, once; a few minutes) ..."
if ! step "$PYTHON" -m venv "$venv"; then
    rm -f "$unfinished"
    ! grep -q ensurepip "$log" || stop "Python's venv is not whole here. Debian, Ubuntu: apt-get install python3-venv"
    stop "Python cannot make an environment in $venv: $(grep . "$log" | tail -n 1)"
fi

# uv is ten times faster. It does not read pip's settings, so it is told where pip finds packages and certificates.
setting() { "$python" -m pip config get "global.$1" 2>/dev/null; }
: "${SSL_CERT_FILE:=${PIP_CERT:-${REQUESTS_CA_BUNDLE:-$(setting cert)}}}"
[ -z "$SSL_CERT_FILE" ] || export SSL_CERT_FILE PIP_CERT="${PIP_CERT:-$SSL_CERT_FILE}"
[ -n "$SSL_CERT_FILE" ] || unset SSL_CERT_FILE
index=${PIP_INDEX_URL:-$(setting index-url)}
[ -z "$index" ] || export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$index}"
# Retries take minutes where the answer will be the same.
few="--retries 1 --timeout 20"
# shellcheck disable=SC2086
step "$python" -m pip install $few uv || stop "$(reason)"
# An earlier name of this kit: its command and ours are one file.
step "$python" -m pip uninstall --yes autograder
if ! step "$python" -m uv pip install --compile-bytecode --python "$python" -r requirements.lock; then
    say "uv could not fetch the packages ($(grep . "$log" | tail -n 1 | cut -c 1-100)); pip tries, which takes longer."
    # shellcheck disable=SC2086
    step "$python" -m pip install $few -r requirements.lock || stop "$(reason)"
fi
step "$python" -m uv pip install --python "$python" --no-deps --editable . ||
    step "$python" -m pip install $few --no-deps --editable . || stop "$(reason)"
say "Installed: $(du -sm "$venv" | cut -f 1) MB."
pwd -P >"$venv/.ready" # where it was made: a clone that moved makes it anew
rm -f "$unfinished"
