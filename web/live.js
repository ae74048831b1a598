// The real-time path, from the page's side: an AudioWorkletNode that takes sound and gives it back by the model.
import { checkedSeed } from "./checks.js";

const withWorklet = new WeakMap(); // AudioContext: promise that the processor is registered there

export async function startLive(vocoder, context, { seed = 0, ...pitch } = {}) {
  if (context.sampleRate !== vocoder.sampleRate) {
    throw new RangeError(`context.sampleRate is ${context.sampleRate}: expected ${vocoder.sampleRate}, the model's`);
  }
  const first = vocoder.checkedPitch(pitch);
  await registered(context);
  const node = new AudioWorkletNode(context, "wavehax", {
    numberOfInputs: 1,
    numberOfOutputs: 1,
    outputChannelCount: [1],
    channelCount: 1,
    channelCountMode: "explicit",
    processorOptions: {
      module: vocoder.module,
      model: vocoder.bytes,
      seed: checkedSeed(seed),
      pitch: first,
      offline: context instanceof OfflineAudioContext,
    },
  });
  const voice = new LiveVoice(node, vocoder);
  await voice.ready;
  return voice;
}

async function registered(context) {
  if (!withWorklet.has(context)) {
    withWorklet.set(context, context.audioWorklet.addModule(new URL("./worklet.js", import.meta.url)));
  }
  try {
    await withWorklet.get(context);
  } catch (error) {
    withWorklet.delete(context); // the next try may succeed
    throw error;
  }
}

export class LiveVoice {
  #answers = [];
  #vocoder;

  constructor(node, vocoder) {
    this.node = node;
    this.#vocoder = vocoder;
    this.ready = new Promise((resolve, reject) => {
      node.port.onmessage = ({ data }) => {
        if (data.error) reject(new RangeError(data.error));
        else if (data.ready) resolve(Object.assign(this, data.ready));
        else this.#answers.shift()(data.stats);
      };
      node.onprocessorerror = () => reject(new Error("the audio worklet failed; the console says why"));
    });
  }

  /** From the next frame on. */
  set(pitch) {
    this.node.port.postMessage({ set: this.#vocoder.checkedPitch(pitch) });
  }

  stats() {
    return new Promise((resolve) => {
      this.#answers.push(resolve);
      this.node.port.postMessage({ stats: true });
    });
  }

  /** Ends the processor; the node gives silence from then on. */
  stop() {
    this.node.port.postMessage({ stop: true });
    this.node.disconnect();
  }
}
