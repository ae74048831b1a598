"""Model files by coverage-guided fuzzing: `python tests/fuzz/guided.py [FOLDER] [-runs=N]
[-seed=S]`; needs atheris.

The input is the header's text; the tensors' bytes are those of a whole small model. FOLDER keeps
what is worth keeping.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["wavehax.checkpoint", "wavehax.config", "wavehax.errors"]):
    from wavehax.checkpoint import load_model, save_model
    from wavehax.errors import ModelError

sys.path.append(str(Path(__file__).parents[1]))

from tiny_models import tiny_model, with_f0


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path, corpus = Path(folder) / "m.safetensors", Path(folder) / "corpus"
        save_model(path, with_f0(tiny_model("tiny_wavehax_frame")))
        content = path.read_bytes()
        length = int.from_bytes(content[:8], "little")
        corpus.mkdir()
        (corpus / "whole").write_bytes(content[8 : 8 + length])

        def load(header: bytes) -> None:
            path.write_bytes(len(header).to_bytes(8, "little") + header + content[8 + length :])
            try:
                load_model(path)
            except ModelError as error:
                assert str(error).startswith(f"{path}: ") and "\n" not in str(error), str(error)

        atheris.Setup([*sys.argv, str(corpus), f"-max_len={4 * length}"], load)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
