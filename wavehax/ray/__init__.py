"""Vocoding with Ray Data: `Vocode` for your own pipelines, and `corpus`, the command `wavehax corpus`.

`import wavehax.ray` needs pyarrow, and only `wavehax.ray.corpus` imports Ray: extra `[ray]`.
"""

from __future__ import annotations

from wavehax.ray.vocode import Vocode, row_seed

__all__ = ["Vocode", "row_seed"]
