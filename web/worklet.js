// The real-time path, on the audio thread: a block of 128 samples in, the model's out. `process` makes no object: input and
// output lie in the engine's memory, which does not grow once the voice is made.
import { Engine } from "./engine.js";

const BLOCK = 128; // samples that the Web Audio interface brings at once
const WINDOW = 0.25; // seconds between two looks at the clock
const STALL = 20; // ms by which sound falls behind the clock: what a device plays while nothing comes
const SUSPENDED = 1000; // ms: not a stall any more, but a page that was stopped

class WavehaxProcessor extends AudioWorkletProcessor {
  constructor({ processorOptions: options }) {
    super();
    this.stopped = false;
    this.offline = options.offline;
    // blocks; ms of work; stalls; the least lag of this window and of the last one; the frame at which the window ends
    this.numbers = new Float64Array([0, 0, 0, Infinity, Infinity, 0]);
    try {
      this.start(options);
      this.port.onmessage = ({ data }) => this.answer(data);
    } catch (error) {
      this.stopped = true;
      this.port.postMessage({ error: error.message });
    }
  }

  start({ module, model, seed, pitch }) {
    this.engine = new Engine(module);
    this.calls = this.engine.exports;
    this.model = this.engine.loadModel(model);
    this.live = this.engine.made(this.calls.live_new(this.model, ...seed, BLOCK));
    this.set(pitch);
    this.input = this.engine.floats(this.calls.live_input(this.live), BLOCK);
    this.output = this.engine.floats(this.calls.live_output(this.live), BLOCK);
    const ready = { delay: this.calls.live_delay(this.live), ringCapacity: this.calls.live_capacity(this.live) };
    this.port.postMessage({ ready });
  }

  set({ f0Scale, monotone, whisper }) {
    const voice = this.calls.live_revoice(this.live);
    this.engine.checked(this.calls.revoice_set(voice, this.model, monotone, f0Scale, whisper));
  }

  answer(message) {
    if (message.stop) this.stopped = true;
    if (message.set) this.set(message.set);
    if (message.stats) {
      const [blocks, busy, stalls] = this.numbers;
      this.port.postMessage({
        stats: {
          seconds: (blocks * BLOCK) / sampleRate,
          busySeconds: busy / 1000,
          underruns: this.calls.live_underruns(this.live) + stalls,
        },
      });
    }
  }

  process(inputs, outputs) {
    if (this.stopped) return false;
    const numbers = this.numbers;
    const input = inputs[0];
    const before = Date.now();
    if (input.length > 0) this.input.set(input[0]);
    else this.input.fill(0);
    this.calls.live_process(this.live);
    outputs[0][0].set(this.output);
    const now = Date.now();
    numbers[0] += 1;
    numbers[1] += now - before; // whole ms; over many blocks the mean is right
    if (!this.offline) this.watch(now);
    return true;
  }

  // An output device that gets nothing in time plays silence, and from then on all sound is later by the clock.
  watch(now) {
    const numbers = this.numbers;
    const lag = now - (1000 * currentFrame) / sampleRate;
    if (lag < numbers[3]) numbers[3] = lag;
    if (currentFrame < numbers[5]) return;
    const behind = numbers[3] - numbers[4];
    if (behind > STALL && behind < SUSPENDED) numbers[2] += 1;
    numbers[4] = numbers[3];
    numbers[3] = Infinity;
    numbers[5] = currentFrame + WINDOW * sampleRate;
  }
}

registerProcessor("wavehax", WavehaxProcessor);
