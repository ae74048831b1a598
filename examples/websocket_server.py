"""Mels in, sound out, over a WebSocket: one voice for each connection, samples as soon as their
frames have come.

    pip install websockets
    python examples/websocket_server.py --port 8765

A client sends binary messages of frames: little-endian float32, the bands of a frame, then its F0
in Hz, as `wavehax vocode - -o -` reads them (with --f0 mel the bands alone: F0 is predicted). Each
is answered by one of samples, little-endian signed 16 bits, mono, perhaps empty. An empty message
ends the utterance: the answer is what was still owed, and the next message begins another. What is
no mel closes the connection, with code 1007 and the reason.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
from typing import Any

import numpy as np

import wavehax
from wavehax.errors import one_line, optional_module
from wavehax.files.sound import pcm16

INVALID_DATA = 1007  # RFC 6455, section 7.4.1
_LONGEST_REASON = 123  # bytes, section 5.5


async def converse(socket: Any, voc: wavehax.Vocoder, f0_given: bool) -> None:
    """Answer the messages of one connection until it ends."""
    stream = voc.stream()
    try:
        async for message in socket:
            samples = await asyncio.to_thread(
                answer, stream, message, voc.features.n_mels, f0_given
            )
            await socket.send(pcm16(samples))
    except ValueError as error:
        reason = str(error).encode()[:_LONGEST_REASON].decode(errors="ignore")
        await socket.close(INVALID_DATA, reason)


def answer(stream: wavehax.Stream, message: bytes | str, bands: int, f0_given: bool) -> np.ndarray:
    """The samples that a message completes; an empty one ends the utterance.

    Raises:
        ValueError: it is text, holds part of a frame, or no mel.
    """
    if message == b"":
        samples = stream.flush()
        stream.reset()
        return samples
    size = 4 * (bands + f0_given)
    if isinstance(message, str) or len(message) % size:
        raise ValueError(f"message of {len(message)}: expected bytes of whole frames, {size} each")
    frames = np.frombuffer(message, "<f4").reshape(-1, bands + f0_given)
    return stream.push(frames[:, :bands].T, frames[:, bands] if f0_given else None)


async def serve(arguments: argparse.Namespace) -> None:
    server = optional_module("websockets.asyncio.server", "this example", "websockets")
    voc, f0_given = wavehax.load(arguments.model), arguments.f0 != "mel"
    voc.stream()  # refused here where the model has none, and not with every connection
    if not (f0_given or voc.predicts_f0):
        raise ValueError("--f0 mel: this model has no predictor of F0")
    handler = functools.partial(converse, voc=voc, f0_given=f0_given)
    async with server.serve(handler, arguments.host, arguments.port) as running:
        print(f"listening on {arguments.host}:{arguments.port}", flush=True)
        await running.serve_forever()


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Serve a vocoder over WebSockets.")
    parser.add_argument("--model", help="what wavehax.load takes; it must stream")
    parser.add_argument(
        "--f0", choices=["frames", "mel"], default="frames", help="where F0 comes from"
    )
    parser.add_argument(
        "--host", default="localhost", help="address to listen at (default localhost)"
    )
    parser.add_argument("--port", type=int, default=8765, help="default 8765")
    try:
        asyncio.run(serve(parser.parse_args(argv)))
    except (OSError, OverflowError, ValueError) as error:  # OverflowError: no such port
        parser.exit(1, f"{parser.prog}: {one_line(error)}\n")
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
