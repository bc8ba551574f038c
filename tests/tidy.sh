#!/usr/bin/env bash
# clang-tidy on one source file of a configured build folder, unless neither it nor any header changed since it passed.
# tests/tidy.sh BUILD-FOLDER FILE
set -euo pipefail
folder=$1 file=$2
passed=$folder/tidy/${file//\//.}
key=$({
    find src -name '*.hpp' -print0 | sort -z | xargs -0 cat .clang-tidy "$file"
    clang-tidy --version
} | sha256sum)
if [ "$(cat "$passed" 2>/dev/null)" = "$key" ]; then exit 0; fi
# The compile commands may be g++'s, with warnings that clang does not know.
clang-tidy --quiet --extra-arg=-Wno-unknown-warning-option -p "$folder" "$file" 2> >(grep -v 'warnings\? generated\|^Suppressed\|^Use -header-filter' >&2)
mkdir -p "$folder/tidy"
echo "$key" >"$passed"
