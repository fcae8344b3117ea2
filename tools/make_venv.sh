#!/bin/sh
# Make .venv and install modelfolio in place, with the releases pinned in requirements.lock.
#
#   tools/make_venv.sh run     what the product needs
#   tools/make_venv.sh test    the same, and what its tests and checks need
#   tools/make_venv.sh bench   the same, and what the benchmarks measure it against
#   tools/make_venv.sh slow    what the tests need, and the engines that only the slow ones try
#
# Needs a Python 3.11 or newer and its pip. Done before and nothing changed: returns at once.
# Set PYTHON to choose the interpreter. Where pip looks for packages is left to pip's own configuration.
set -eu
cd "$(dirname "$0")/.."

purpose=${1:?run, test, bench or slow}
case $purpose in
    run) extras=parquet,postgres,pptx ;;
    test) extras=parquet,postgres,sample-build,test ;;
    bench) extras=bench,parquet,postgres,sample-build,test ;;
    slow) extras=engines,parquet,postgres,sample-build,test ;;
    *) echo "usage: tools/make_venv.sh run|test|bench|slow" >&2; exit 2 ;;
esac
venv_python=.venv/bin/python
log=.venv/install.log
# A moved checkout is a new one: the commands in .venv/bin carry its path.
wanted="$(pwd) $(cat pyproject.toml requirements.lock tools/make_venv.sh | cksum)"

installed() {
    [ -f ".venv/installed-$1" ] && [ "$(cat ".venv/installed-$1")" = "$wanted" ] && recent_enough "$venv_python"
}

recent_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

# Looks at every folder of the path: a version manager's shim of that name may refuse to run.
find_python() {
    for name in python3 python3.13 python3.12 python3.11 python3.14 python; do
        old_ifs=$IFS
        IFS=:
        for folder in $PATH; do
            IFS=$old_ifs
            if [ -x "$folder/$name" ] && recent_enough "$folder/$name"; then
                echo "$folder/$name"
                return
            fi
        done
        IFS=$old_ifs
    done
    return 1
}

# Without ensurepip (Debian keeps it in python3-venv) the venv is made empty and a pip from outside fills it.
make_venv() {
    if "$1" -c 'import ensurepip' 2>/dev/null && "$1" -m venv .venv >/dev/null 2>&1; then
        return
    fi
    rm -rf .venv
    if "$1" -m venv --without-pip .venv >/dev/null 2>&1; then
        for pip in "$1 -m pip" pip3 pip; do
            if $pip --python "$venv_python" install --quiet pip >/dev/null 2>&1; then
                return
            fi
        done
    fi
    rm -rf .venv
    packages=$(mktemp -d)
    if "$1" -m pip install --quiet --target "$packages" virtualenv >/dev/null 2>&1 &&
        PYTHONPATH=$packages "$1" -m virtualenv --quiet .venv >/dev/null 2>&1; then
        rm -rf "$packages"
        return
    fi
    rm -rf .venv "$packages"
    echo "$1 can make no virtual environment: install its venv module or its pip (Debian: apt-get install python3-venv)." >&2
    return 1
}

# The environment for benchmarks or slow tests holds all that the others need, that for tests all to run.
case $purpose in
    run) enough="run test bench slow" ;;
    test) enough="test bench slow" ;;
    *) enough=$purpose ;;
esac
for each in $enough; do
    if installed "$each"; then
        exit 0
    fi
done

if [ ! -f .venv/checkout ] || [ "$(cat .venv/checkout)" != "$(pwd)" ] || ! recent_enough "$venv_python"; then
    python=${PYTHON:-$(find_python)} || {
        echo "modelfolio needs Python 3.11 or newer, and there is none on the path. Set PYTHON to one." >&2
        exit 1
    }
    if ! recent_enough "$python"; then
        echo "modelfolio needs Python 3.11 or newer; $python is not." >&2
        exit 1
    fi
    echo "Making .venv with $("$python" --version) ..."
    rm -rf .venv
    make_venv "$python"
    pwd >.venv/checkout
fi

echo "Installing modelfolio to $purpose it, one to three minutes (details: $log) ..."
if ! "$venv_python" -m pip install --disable-pip-version-check --constraint requirements.lock \
    --editable ".[$extras]" >"$log" 2>&1; then
    tail -n 15 "$log" >&2
    echo "The installation failed; the lines above say why." >&2
    exit 1
fi
echo "$wanted" >".venv/installed-$purpose"
