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
mkdir -p "$folder/tidy"
# A source on its own headers, without g++'s precompiled ones.
commands=$(mktemp -d "$folder/tidy/commands.XXXXXX")
trap 'rm -rf "$commands"' EXIT
sed -E 's/ -Winvalid-pch -include [^ ]+cmake_pch\.hxx//' "$folder/compile_commands.json" >"$commands/compile_commands.json"
# The compile commands may be g++'s, with warnings that clang does not know.
clang-tidy --quiet --extra-arg=-Wno-unknown-warning-option -p "$commands" "$file" 2> >(grep -v 'warnings\? generated\|^Suppressed\|^Use -header-filter' >&2)
echo "$key" >"$passed"
