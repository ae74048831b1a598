#!/usr/bin/env bash
# Makes recording.wav: a sentence of our own, spoken by espeak-ng, 24 kHz mono. Needs espeak-ng and the installed package.
set -euo pipefail
cd "$(dirname "$0")"
spoken=$(mktemp --suffix .wav)
trap 'rm -f "$spoken"' EXIT
espeak-ng -v en-gb -s 165 -p 35 -w "$spoken" "Seven grey geese flew home along the quiet river before sunrise."
python - "$spoken" <<'PYTHON'
import sys

from wavehax.files.sound import read_audio, write_audio

wave, _ = read_audio(sys.argv[1], 24000)
write_audio("recording.wav", 0.5 * wave / abs(wave).max(), 24000, overwrite=True)
PYTHON
