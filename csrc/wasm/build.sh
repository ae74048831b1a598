#!/usr/bin/env bash
# Compiles the engine for WebAssembly: csrc/wasm/build.sh [OUTPUT], by default web/wavehax.wasm, which
# web/wavehax.js loads. Needs em++ (Debian: apt-get install --no-install-recommends emscripten). JOBS
# compilers run at once, by default as many as processors; what did not change is not compiled again.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
output=${1:-$root/web/wavehax.wasm}
objects=${WAVEHAX_WASM_OBJECTS:-$root/build/wasm}
jobs=${JOBS:-$(nproc 2>/dev/null || echo 1)}

if ! command -v em++ >/dev/null; then
  echo "csrc/wasm/build.sh: em++ is missing: install emscripten 3.1.6 or newer (Debian: apt-get install emscripten)" >&2
  exit 1
fi

# As setup.py: the arithmetic is what is written. Native exceptions need no JavaScript around every
# call that may throw.
flags=(-std=c++17 -O3 -msimd128 -ffp-contract=off -fwasm-exceptions -fvisibility=hidden
  -I "$root/csrc" -I "$root/csrc/include")

# All of the engine, and the reader of model files; not what is Python's, C's, what trains, tests, or is a program.
mapfile -t sources < <(cd "$root/csrc" && find . -name '*.cpp' ! -path './bindings.cpp' ! -path './capi/wavehax.cpp' \
  ! -path './fuzz/*' ! -path './training/*' ! -path './examples/*' | sort)

# Whether an object is newer than all that it was made of, as the compiler wrote it down.
fresh() {
  [ -e "$1" ] || return 1
  local used
  for used in $(sed -e 's/^[^:]*://' -e 's/\\$//' "${1%.o}.d"); do
    [ "$1" -nt "$used" ] || return 1
  done
}

compile() {
  local object
  object=$objects/$(echo "${1#./}" | tr / -).o
  fresh "$object" && return
  em++ "${flags[@]}" -MMD -MF "${object%.o}.d" -c "$root/csrc/${1#./}" -o "$object.part"
  mv "$object.part" "$object"
}
export -f fresh compile
export root objects

mkdir -p "$objects" "$(dirname "$output")"
printf '%s\n' "${sources[@]}" |
  xargs -P "$jobs" -I {} bash -c "set -euo pipefail; flags=(${flags[*]@Q}); compile {}"

linked=()
for source in "${sources[@]}"; do linked+=("$objects/$(echo "${source#./}" | tr / -).o"); done
# One file without a page around it: web/engine.js brings the few functions that the C++ library asks
# of its surroundings.
em++ -O3 -msimd128 -fwasm-exceptions "${linked[@]}" --no-entry -sSTANDALONE_WASM -sALLOW_MEMORY_GROWTH \
  -sMAXIMUM_MEMORY=2GB -sINITIAL_MEMORY=16MB -o "$objects/linked.wasm"
mv "$objects/linked.wasm" "$output"
echo "$output: $(wc -c <"$output") bytes"
