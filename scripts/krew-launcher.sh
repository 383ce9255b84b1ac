#!/bin/sh
# kubectl-ebpfaudit: a Python program, packed behind this script, which finds a Python for it.
set -u
case ${SHIV_ROOT-} in
'') SHIV_ROOT=${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/kubectl-ebpfaudit/program ;;
esac
export SHIV_ROOT
if ! { mkdir -p "$SHIV_ROOT" && [ -w "$SHIV_ROOT" ]; } 2>/dev/null; then
    echo "error: kubectl-ebpfaudit unpacks itself into $SHIV_ROOT, which cannot be written: make it writable, or name another folder in SHIV_ROOT" >&2
    exit 1
fi
found=
for python in python3 @NAMES@; do
    path=$(command -v "$python") || continue
    version=$("$path" -IS -c 'import sys; print("%d.%d" % sys.version_info[:2], sys.implementation.name)' 2>/dev/null) || continue
    case " @VERSIONS@ " in
    *" ${version% cpython} "*) exec "$path" "$0" "$@" ;;
    esac
    found="$found $path ($version)"
done
echo "error: kubectl-ebpfaudit needs CPython @RANGE@ on the PATH, and finds${found:- none}: install one" >&2
exit 1
