"""The package and the page in a headless Chromium, served by `python -m http.server`."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from chromium import Chromium, Page, floats

import wavehax
from wavehax.features import log_mel
from wavehax.models.locate import model_path

ROOT = Path(__file__).parents[2]
PACKAGE = 'const { load, loadInWorker, ModelError } = await import("/web/wavehax.js");'
LOAD = f'{PACKAGE} const vocoder = await load("/wavehax/models/vocos-24k.safetensors");'
RECORDING = """
  const context = new OfflineAudioContext(1, SAMPLES, vocoder.sampleRate);
  const file = await fetch("/tests/data/recording.wav");
  const buffer = await context.decodeAudioData(await file.arrayBuffer());
"""


@pytest.fixture
def demo(browser: Chromium, address: str) -> Iterator[Page]:
    """The page, as it opens."""
    page = browser.new_page(f"{address}web/demo/")
    page.wait_until("document.getElementById('semitones-value').textContent === '0 semitones'")
    yield page
    page.close()


def test_a_mel_becomes_the_samples_of_python(package: Page, portable: wavehax.Vocoder) -> None:
    audio = soundfile.read(ROOT / "tests" / "data" / "recording.wav", dtype="float32")[0][:48000]
    mel = log_mel(audio, portable.features)
    f0 = portable.f0(mel)
    made = package.run(f"""{LOAD}
      const response = await fetch("/tests/data/recording.wav");
      const samples = new Int16Array(await response.arrayBuffer(), 44).subarray(0, 48000);
      const mel = vocoder.melOf(Float32Array.from(samples, (sample) => sample / 32768));
      const wave = vocoder.vocode(mel, {f0.tolist()}, {{ seed: 1 }});
      return {{ mel: base64(mel), wave: base64(wave) }};""")
    assert np.abs(floats(made["mel"]) - mel.T.ravel()).max() < 1e-4
    expected = portable(mel, f0, seed=1)
    assert np.abs(floats(made["wave"]) - expected).max() < 1e-4 * np.abs(expected).max()
    assert package.errors == []


def test_a_worker_gives_the_same_samples_and_says_how_far_it_is(package: Page) -> None:
    same = package.run(f"""{LOAD}
      const worker = await loadInWorker("/wavehax/models/vocos-24k.safetensors");
      const audio = new Float32Array(50000).map((_, i) => Math.sin(i / 40) * Math.sin(i / 3000));
      const heard = [];
      const onProgress = (done) => heard.push(done);
      const theirs = await worker.resynth(audio, {{ f0Scale: 1.2, onProgress }});
      const ours = vocoder.resynth(audio, {{ f0Scale: 1.2 }});
      const refuses = (work, Kind) => work.then(() => false, (error) => error instanceof Kind);
      const refused = await refuses(worker.vocode([1, 2, 3]), RangeError);
      const broken = await refuses(loadInWorker(new ArrayBuffer(8)), ModelError);
      worker.free();
      const same = theirs.length === 50000 && theirs.every((sample, i) => sample === ours[i]);
      return [heard, refused, broken, same];""")
    assert same == [[32768, 50000], True, True, True]


@pytest.mark.parametrize(("model", "times"), [("vocos-24k", 4), ("nsf-hifigan-44k", 2)])
def test_the_worklet_gives_ten_seconds_without_an_underrun_faster_than_real_time(
    package: Page, browser: Chromium, model: str, times: int
) -> None:
    package.run(f"""{LOAD.replace("vocos-24k", model)}
      const seconds = 10;
      {RECORDING.replace("SAMPLES", "seconds * vocoder.sampleRate")}
      vocoder.resynth(buffer.getChannelData(0)); // meanwhile the browser compiles fast code for all
      const voice = await vocoder.live(context, {{ f0Scale: 1.1, seed: 5 }});
      const source = new AudioBufferSourceNode(context, {{ buffer, loop: true }});
      source.connect(voice.node).connect(context.destination);
      source.start();
      window.ready = {{ vocoder, context, voice, buffer }};""")
    before = browser.cpu_seconds()
    package.run("ready.made = (await ready.context.startRendering()).getChannelData(0);")
    spent = browser.cpu_seconds() - before
    result = package.run("""
      const { vocoder, voice, buffer, made } = ready;
      const sound = buffer.getChannelData(0);
      const audio = Float32Array.from({ length: made.length }, (_, i) => sound[i % sound.length]);
      const whole = vocoder.resynth(audio, { f0Scale: 1.1, seed: 5 });
      const largest = (all) => all.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
      const { delay, ringCapacity } = voice;
      return {
        ...(await voice.stats()), delay, ringCapacity, rate: vocoder.sampleRate,
        peak: largest(made),
        before: largest(made.subarray(0, delay)),
        difference: largest(made.subarray(delay).map((sample, i) => sample - whole[i])),
      };""")
    print(f"{model}: {spent:.2f} s of processor time for {result['seconds']:.2f} s; {result}")
    assert result["underruns"] == 0 and result["seconds"] == pytest.approx(10, abs=0.02)
    # The whole recording's samples, later by the delay. The audio thread has no denormal numbers.
    assert result["before"] == 0 and result["difference"] < 1e-7 * result["peak"]
    assert result["delay"] < 0.1 * result["rate"]
    assert spent < 10 / times  # of a core, that others may have kept busy meanwhile


def test_the_worklet_counts_what_a_busy_audio_thread_could_not_play(package: Page) -> None:
    """The clock goes on while the thread is stopped; nothing else tells what was not played."""
    underruns = package.run(f"""{LOAD}
      const context = new AudioContext({{ sampleRate: vocoder.sampleRate }});
      const voice = await vocoder.live(context);
      const code = `registerProcessor("stop", class extends AudioWorkletProcessor {{
        process() {{
          if (currentTime < 1.5) return true;
          for (const begun = Date.now(); Date.now() < begun + 600; ) ;
          return false;
        }} }});`;
      const blob = new Blob([code], {{ type: "text/javascript" }});
      await context.audioWorklet.addModule(URL.createObjectURL(blob));
      voice.node.connect(context.destination);
      const stop = new AudioWorkletNode(context, "stop");
      stop.connect(context.destination);
      await context.resume();
      while (context.currentTime < 3) await new Promise((resolve) => setTimeout(resolve, 50));
      const {{ underruns }} = await voice.stats();
      await context.close();
      return underruns;""")
    assert underruns >= 1


def test_the_worklet_says_what_is_wrong_with_a_rate_or_a_pitch(package: Page) -> None:
    texts = package.run(f"""{LOAD}
      const text = (work) => work.then(() => "", (error) => error.message);
      const at = (rate) => new OfflineAudioContext(1, 100, rate);
      const rate = await text(vocoder.live(at(44100)));
      return [rate, await text(vocoder.live(at(24000), {{ f0Scale: 1e-3 }}))];""")
    assert texts[0] == "context.sampleRate is 44100: expected 24000, the model's"
    assert texts[1].startswith("f0Scale: out of range for F0 from 40 to")


def test_the_page_plays_a_sample_by_keyboard_and_asks_nobody_else(
    demo: Page, address: str, tmp_path: Path
) -> None:
    demo.show(1100, 900, "light")
    demo.run("document.getElementById('play').focus();")
    demo.press("Enter")
    demo.wait_until("document.getElementById('factor').textContent.includes('\\u00d7')")
    (tmp_path / "playing.png").write_bytes(demo.screenshot())
    for picture in ("original", "made"):
        assert lit_pixels(demo, picture) > 1000, picture
    assert demo.evaluate("document.getElementById('delay').textContent.endsWith(' ms')")
    demo.run("document.getElementById('semitones').focus();")
    demo.press("ArrowRight")
    assert demo.evaluate("document.getElementById('semitones-value').textContent") == "+1 semitone"
    demo.run("document.getElementById('play').focus();")
    demo.press(" ")
    demo.wait_until("document.getElementById('play').textContent === 'Play'")
    assert demo.errors == []
    assert [url for url in demo.requests if not url.startswith((address, "data:", "blob:"))] == []


def lit_pixels(page: Page, canvas: str) -> int:
    """Pixels that are not black."""
    return page.run(f"""const canvas = document.getElementById("{canvas}");
      const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
      let lit = 0;
      for (let i = 0; i < pixels.length; i += 4) lit += pixels[i] > 60;
      return lit;""")


def test_the_page_hears_the_microphone(demo: Page) -> None:
    demo.run(
        "document.querySelector('input[value=microphone]').click();"
        "document.getElementById('play').click();"
    )
    demo.wait_until("document.getElementById('factor').textContent.includes('\\u00d7')")
    demo.wait_until("document.getElementById('message').textContent === 'Speak.'")
    demo.run("await new Promise((resolve) => setTimeout(resolve, 1500));")
    assert lit_pixels(demo, "original") > 500 and lit_pixels(demo, "made") > 500
    demo.run("document.getElementById('play').click();")
    assert demo.errors == []


def test_the_page_saves_the_samples_of_the_package(demo: Page, package: Page) -> None:
    demo.run("""window.saved = [];
      const make = URL.createObjectURL;
      URL.createObjectURL = (blob) => { saved.push(blob); return make(blob); };
      document.getElementById("whisper").click();
      document.getElementById("save").click();""")
    demo.wait_until("saved.length === 1")
    wav = demo.run("return base64(new Uint8Array(await saved[0].arrayBuffer()));")
    expected = package.run(f"""{LOAD}
      const context = new OfflineAudioContext(1, 1, vocoder.sampleRate);
      const file = await fetch("/docs/samples/kathleen.flac");
      const buffer = await context.decodeAudioData(await file.arrayBuffer());
      return base64(vocoder.resynth(buffer.getChannelData(0), {{ whisper: true }}));""")
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(wav)), dtype="float32")
    assert rate == 24000
    assert np.abs(samples - np.clip(floats(expected), -1, 1)).max() < 1 / 32768
    assert demo.errors == []


def test_the_page_says_what_is_wrong_with_a_broken_model(demo: Page, tmp_path: Path) -> None:
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(model_path(None).read_bytes()[:-4])
    demo.run("""const model = document.getElementById("model");
      model.value = "own";
      model.dispatchEvent(new Event("input", { bubbles: true }));""")
    demo.choose_file("#model-file", broken)
    demo.run("document.getElementById('play').click();")
    demo.wait_until("document.getElementById('message').className === 'error'")
    message = demo.evaluate("document.getElementById('message').textContent")
    assert message.startswith("broken.safetensors: tensor ") and "truncated?" in message
    assert demo.evaluate("document.getElementById('play').getAttribute('aria-disabled')") == "false"
    assert demo.errors == []


@pytest.mark.parametrize("width", [360, 1100])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_a_phone_and_a_desk_in_light_and_dark(
    demo: Page, tmp_path: Path, width: int, scheme: str
) -> None:
    demo.show(width, 900, scheme)
    assert demo.evaluate("document.documentElement.scrollWidth <= innerWidth")
    colours = demo.evaluate(
        "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
    )
    assert (sum(colours) / 3 > 128) == (scheme == "light")
    cut = demo.evaluate("""[...document.querySelectorAll("button, input, select, dd, output")]
      .filter((e) => e.getBoundingClientRect().right > innerWidth).map((e) => e.id)""")
    assert cut == []
    (tmp_path / f"{scheme}-{width}.png").write_bytes(demo.screenshot())
    assert demo.errors == []


def test_the_page_says_that_nothing_leaves_the_machine(demo: Page) -> None:
    assert "Nothing leaves this machine" in demo.evaluate("document.body.textContent")
