// One task of test_package.py in node: package.mjs TASK WASM MODEL FOLDER. Arrays are float32, in
// FOLDER/name.in and FOLDER/name.out.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { Engine } from "../../web/engine.js";
import { load, ModelError } from "../../web/wavehax.js";

const [task, wasmPath, modelPath, folder] = process.argv.slice(2);
const wasm = pathToFileURL(wasmPath);

function read(name) {
  const bytes = readFileSync(join(folder, `${name}.in`));
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

const write = (name, values) => writeFileSync(join(folder, `${name}.out`), values);
const refused = (message, work) =>
  assert.throws(work, (error) => error instanceof RangeError && message.test(error.message));
const joined = (parts) => Float32Array.from(parts.flatMap((part) => [...part]));

// Pieces of 0, 1, 2, ... items of `size` values.
function* pieces(values, size) {
  for (let at = 0, count = 0; at < values.length; at += size * count++) yield values.subarray(at, at + size * count);
}

const tasks = {
  vocode(vocoder) {
    const [mel, f0] = [read("mel"), read("f0")];
    write("wave", vocoder.vocode(mel, f0, { seed: 2n ** 63n + 5n }));
    write("scaled", vocoder.vocode(mel, f0, { f0Scale: 1.5 }));
    write("f0", vocoder.predictF0(mel));
    write("predicted", vocoder.vocode(mel));
  },

  stream(vocoder) {
    const [mel, f0] = [read("mel"), read("f0")];
    for (const [name, options, pitch] of [["given", { seed: 7 }, f0], ["predicted", { f0Scale: 0.8 }, null]]) {
      const stream = vocoder.stream(options);
      for (let round = 0; round < 2; ++round) {
        let frame = 0;
        const parts = [];
        for (const piece of pieces(mel, vocoder.nMels)) {
          const frames = piece.length / vocoder.nMels;
          parts.push(stream.push(piece, pitch?.subarray(frame, frame + frames)));
          frame += frames;
        }
        const sent = joined(parts).length;
        assert.equal(sent, Math.max(0, frame * vocoder.hopLength - stream.delay));
        write(`${name}${round}`, joined([...parts, stream.flush()]));
        stream.reset();
      }
      stream.free();
      write(`${name}-whole`, vocoder.vocode(mel, pitch, options));
    }
  },

  mel(vocoder) {
    const audio = read("audio");
    write("mel", vocoder.melOf(audio));
    const stream = vocoder.melStream();
    const parts = [...pieces(audio, 37)].map((piece) => stream.push(piece));
    const frames = joined(parts).length / vocoder.nMels;
    assert.equal(frames, Math.max(0, Math.floor((audio.length - stream.delay) / vocoder.hopLength)));
    write("streamed", joined([...parts, stream.flush()]));
  },

  resynth(vocoder) {
    const audio = read("audio");
    const heard = [];
    write("plain", vocoder.resynth(audio, { seed: 3, onProgress: (done, total) => heard.push([done, total]) }));
    assert.deepEqual(heard.at(-1), [audio.length, audio.length]);
    write("higher", vocoder.resynth(audio, { f0Scale: 1.25 }));
    write("monotone", vocoder.resynth(audio, { monotone: 120, f0Scale: 1.1 }));
    write("whisper", vocoder.resynth(audio, { whisper: true }));
  },

  refusals(vocoder) {
    const mel = new Float32Array(4 * vocoder.nMels);
    const f0 = new Float32Array(4).fill(100);
    const broken = mel.slice();
    broken[3 * vocoder.nMels + 2] = NaN;
    refused(/^mel is nan in band 2 of frame 3: expected finite/, () => vocoder.vocode(broken, f0));
    const odd = new Float32Array(401);
    refused(/^mel has 401 values: expected one frame or more of 100 bands/, () => vocoder.vocode(odd));
    refused(/^mel has 0 values/, () => vocoder.vocode([]));
    refused(/^f0 has 3 frames and mel has 4/, () => vocoder.vocode(mel, f0.subarray(1)));
    refused(/^f0 is 0.5 in frame 1: expected at least 1 Hz/, () => vocoder.vocode(mel, [100, 0.5, 100, 100]));
    refused(/^f0 is 0.5 in frame 2/, () => vocoder.vocode(mel, [0, 100, 50, 100], { f0Scale: 0.01 }));
    refused(/^f0Scale is 0: expected/, () => vocoder.vocode(mel, f0, { f0Scale: 0 }));
    refused(/^f0Scale: out of range for F0 from 40 to/, () => vocoder.vocode(mel, null, { f0Scale: 0.001 }));
    refused(/^seed is -1: expected/, () => vocoder.vocode(mel, f0, { seed: -1 }));
    refused(/^seed is 18446744073709551616/, () => vocoder.vocode(mel, f0, { seed: 2n ** 64n }));
    refused(/^audio has 0 samples|^audio is empty/, () => vocoder.resynth([]));
    refused(/^audio\[1\] is not finite/, () => vocoder.melOf([0, Infinity]));
    refused(/^monotone is 0.1: expected Hz/, () => vocoder.resynth([0, 0], { monotone: 0.1 }));
    assert.throws(() => vocoder.vocode("mel"), /^TypeError: mel: expected a Float32Array/);
    refusedStreams(vocoder, mel, f0, broken);
  },

  whole(vocoder) {
    write("wave", vocoder.vocode(read("mel"), read("f0")));
    refused(/^model cannot stream: its norm 'utterance'/, () => vocoder.stream());
    refused(/^model cannot stream: its norm 'utterance'/, () => vocoder.resynth([0, 0]));
    refused(/^f0 is missing, and this model does not predict it/, () => vocoder.vocode(read("mel")));
    refused(/^this model does not predict F0/, () => vocoder.predictF0(read("mel")));
  },

  async models() {
    const bytes = new Uint8Array(readFileSync(modelPath));
    const rejected = (message, source) =>
      assert.rejects(load(source, { wasm }), (error) => message.test(error.message));
    await assert.rejects(load(bytes.subarray(0, 1000), { wasm }), ModelError);
    await rejected(/truncated, or no model file/, bytes.subarray(0, 1000));
    await rejected(/truncated/, bytes.subarray(0, bytes.length - 4));
    await rejected(/truncated, or no model file/, new ArrayBuffer(0));
    await rejected(/^source is undefined: expected a URL/, undefined);
    const poisoned = bytes.slice();
    poisoned.set([0, 0, 0xc0, 0x7f], bytes.length - 4);
    await rejected(/^tensor '.+' is nan at \[.+\]: expected finite values/, poisoned);
    const nowhere = pathToFileURL("/no/such.wasm");
    await assert.rejects(load(bytes, { wasm: nowhere }), /csrc\/wasm\/build\.sh makes web\/wavehax\.wasm/);
  },
};

// Whatever is in a file, the worst it can do is be refused; a trap of the engine is another error.
tasks.hostile = () => {
  const engine = new Engine(new WebAssembly.Module(readFileSync(wasmPath)));
  const bytes = new Uint8Array(readFileSync(modelPath));
  const header = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  let state = 1; // of Lehmer's generator
  const below = (n) => (state = (state * 48271) % 2147483647) % n;
  let refusals = 0;
  for (let round = 0; round < 500; ++round) {
    const file = bytes.slice();
    for (let i = below(3); i >= 0; --i) file[below(8 + header)] = below(2) ? 48 + below(10) : below(256);
    try {
      engine.exports.model_free(engine.loadModel(file));
    } catch (error) {
      assert(error instanceof ModelError && /^[ -~]+$/.test(error.message), error);
      ++refusals;
    }
  }
  assert(refusals > 300, refusals);
};

function refusedStreams(vocoder, mel, f0, broken) {
  const stream = vocoder.stream();
  const first = stream.push(mel, f0);
  refused(/^mel is nan in band 2 of frame 7/, () => stream.push(broken, f0));
  refused(/^f0 is missing: expected for all frames/, () => stream.push(mel));
  const parts = [first, stream.push(mel, f0), stream.flush()];
  assert.deepEqual(joined(parts), vocoder.vocode([...mel, ...mel], [...f0, ...f0]));
  assert.throws(() => stream.push(mel, f0), /flushed: reset\(\) begins another/);
  assert.throws(() => stream.flush(), /flushed already/);
}

const bytes = readFileSync(modelPath);
await tasks[task](["models", "hostile"].includes(task) ? null : await load(bytes, { wasm }));
