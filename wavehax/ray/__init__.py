"""Vocoding with Ray Data: `Vocode` for pipelines, and what `wavehax corpus` does.

Needs the extra `[ray]`. Only `corpus` imports Ray; nothing outside of this folder and of
`wavehax.cli.corpus` imports any of it.
"""

from __future__ import annotations

from wavehax.ray.vocode import Vocode, row_seed

__all__ = ["Vocode", "row_seed"]
