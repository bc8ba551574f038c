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
# A source by itself and on its own headers: without g++'s precompiled ones, and out of those that are compiled together.
commands=$(mktemp -d "$folder/tidy/commands.XXXXXX")
trap 'rm -rf "$commands"' EXIT
python3 - "$folder/compile_commands.json" >"$commands/compile_commands.json" <<'END'
import json, re, sys

alone = []
for entry in json.load(open(sys.argv[1], encoding="utf-8")):
    entry["command"] = re.sub(r" -Winvalid-pch -include \S+cmake_pch\.hxx", "", entry["command"])
    sources = [entry["file"]]
    if re.search(r"/unity_\d+_cxx\.cxx$", entry["file"]):
        sources = re.findall(r'^#include "(.*)"$', open(entry["file"], encoding="utf-8").read(), re.MULTILINE)
    alone += [{**entry, "file": source, "command": entry["command"].replace(entry["file"], source)} for source in sources]
json.dump(alone, sys.stdout)
END
# The compile commands may be g++'s, with warnings that clang does not know.
clang-tidy --quiet --extra-arg=-Wno-unknown-warning-option -p "$commands" "$file" 2> >(grep -v 'warnings\? generated\|^Suppressed\|^Use -header-filter' >&2)
echo "$key" >"$passed"
