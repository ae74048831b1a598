// The Python module of the engine: arrays, the interpreter lock and errors; no arithmetic. No other
// file of the engine knows Python.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "kernels/cpu.h"
#include "model/engine.h"
#include "model/inputs.h"
#include "voice/f0.h"
#include "voice/stream.h"
#include "voice/vocode.h"

namespace py = pybind11;

namespace wavehax {
namespace {

using Array = py::array_t<float>;  // any strides; another dtype is converted
using DenseArray = py::array_t<float, py::array::c_style | py::array::forcecast>;
using EnginePtr = std::shared_ptr<Engine>;
using F0PredictorPtr = std::shared_ptr<F0Predictor>;

// Reads the fields of a configuration from a dict that has them all.
struct DictReader {
  const py::dict& values;

  py::object field(const char* name) const {
    if (!values.contains(name))
      throw std::invalid_argument(std::string("config: missing field '") + name + "'");
    return values[name];
  }
  void size(const char* name, int& value) const { value = field(name).cast<int>(); }
  void count(const char* name, int& value) const { value = field(name).cast<int>(); }
  void kernel(const char* name, int& bins, int& frames) const {
    std::tie(bins, frames) = field(name).cast<std::pair<int, int>>();
  }
  void number(const char* name, double& value) const { value = field(name).cast<double>(); }
  void text(const char* name, std::string& value) const { value = field(name).cast<std::string>(); }
  void flag(const char* name, bool& value) const { value = field(name).cast<bool>(); }
};

Config to_config(const py::dict& values) {
  Config config;
  const DictReader reader{values};
  for_each_field(config, reader);
  return config;
}

// Returns views of the arrays as tensors, by name. `kept` receives the arrays and must outlive the
// Weights, which point into them until the engine has packed its own copy.
Weights to_weights(const py::dict& arrays, std::vector<DenseArray>& kept) {
  std::map<std::string, Tensor> tensors;
  for (const auto& item : arrays) {
    kept.push_back(item.second.cast<DenseArray>());
    const DenseArray& array = kept.back();
    tensors[item.first.cast<std::string>()] = {
        std::vector<long>(array.shape(), array.shape() + array.ndim()), array.data()};
  }
  return Weights(std::move(tensors));
}

EnginePtr make_engine(const py::dict& config, const py::dict& arrays, const std::string& isa,
                      const std::string& precision, double log_floor) {
  std::vector<DenseArray> kept;
  const Kernels& kernels = choose_kernels(isa);
  return std::make_shared<Engine>(to_config(config), to_weights(arrays, kept), kernels,
                                  choose_precision(precision, kernels), log_floor);
}

F0PredictorPtr make_f0_predictor(int n_mels, const py::dict& config, const py::dict& arrays,
                                 const std::string& isa, double log_floor) {
  F0Config c{};
  c.n_mels = n_mels;
  const DictReader reader{config};
  for_each_f0_field(c, reader);
  std::vector<DenseArray> kept;
  return std::make_shared<F0Predictor>(c, to_weights(arrays, kept), choose_kernels(isa), log_floor);
}

// Checks the shape of mel and returns its number of frames.
std::int64_t check(const Array& mel, int n_mels) {
  if (mel.ndim() != 2 || mel.shape(0) != n_mels)
    throw std::invalid_argument("mel: expected shape [" + std::to_string(n_mels) + ", frames]");
  if (mel.strides(0) % sizeof(float) != 0 || mel.strides(1) % sizeof(float) != 0)
    throw std::invalid_argument("mel: strides are not whole numbers of float32 values");
  return mel.shape(1);
}

// Checks that mel, f0 and prior belong together and returns their number of frames.
std::int64_t check(const Engine& engine, const Array& mel, const DenseArray& f0,
                   const DenseArray* prior) {
  const std::int64_t frames = check(mel, engine.config.n_mels);
  if (f0.ndim() != 1 || f0.shape(0) != frames)
    throw std::invalid_argument("f0: expected one value for each of the " + std::to_string(frames) +
                                " frames of mel");
  const std::int64_t samples = engine.prior_length(frames);
  if (prior != nullptr && (prior->ndim() != 1 || prior->shape(0) != samples))
    throw std::invalid_argument("prior: expected " + std::to_string(samples) + " samples");
  return frames;
}

MelView view(const Array& mel) {
  constexpr auto kSize = static_cast<std::int64_t>(sizeof(float));
  return {mel.data(), mel.strides(0) / kSize, mel.strides(1) / kSize};
}

Array py_vocode(const EnginePtr& engine, const Array& mel, const DenseArray& f0, std::uint64_t seed,
                const std::optional<DenseArray>& prior, int threads) {
  const std::int64_t frames = check(*engine, mel, f0, prior ? &*prior : nullptr);
  Array wave(frames * engine->config.hop_length);
  const MelView from = view(mel);
  const float *pitch = f0.data(), *given = prior ? prior->data() : nullptr;
  float* out = wave.mutable_data();
  py::gil_scoped_release release;
  vocode(engine, from, pitch, frames, seed, given, threads, out);
  return wave;
}

std::int64_t py_first_not_finite(const Array& mel) {
  if (mel.ndim() != 2) throw std::invalid_argument("mel: expected shape [n_mels, frames]");
  const int n_mels = static_cast<int>(mel.shape(0));
  const std::int64_t frames = check(mel, n_mels);
  const MelView from = view(mel);
  py::gil_scoped_release release;
  return first_not_finite(from, frames, n_mels);
}

std::int64_t py_first_no_pitch(const DenseArray& f0) {
  const float* pitch = f0.data();
  const std::int64_t frames = f0.size();
  py::gil_scoped_release release;
  return first_no_pitch(pitch, frames);
}

py::dict py_profile(const EnginePtr& engine, const Array& mel, const DenseArray& f0) {
  const std::int64_t frames = check(*engine, mel, f0, nullptr);
  std::vector<float> wave(frames * engine->config.hop_length);
  StageSeconds seconds;
  Stream stream(engine, engine->streamable ? Stream::kTile : frames + 1);
  stream.profile(&seconds);
  const std::int64_t written = stream.push(view(mel), f0.data(), frames, nullptr, wave.data());
  stream.flush(nullptr, wave.data() + written);
  py::dict result;
  result["prior"] = seconds.prior;
  result["analysis"] = seconds.analysis;
  result["projections"] = seconds.projections;
  result["blocks"] = seconds.blocks;
  result["synthesis"] = seconds.synthesis;
  return result;
}

// Does `rounds` rounds of multiply-adds on an instruction set and returns their number of
// floating-point operations.
double py_multiply_adds(const std::string& isa, std::int64_t rounds) {
  const Kernels& kernels = choose_kernels(isa);
  py::gil_scoped_release release;
  volatile float sink = kernels.multiply_adds(rounds);
  static_cast<void>(sink);
  return 2.0 * static_cast<double>(rounds) * kPeakSums * kLane;
}

Array py_prior(const Engine& engine, const DenseArray& f0, std::uint64_t seed, bool noise) {
  if (f0.ndim() != 1) throw std::invalid_argument("f0: expected shape [frames]");
  const std::int64_t frames = f0.shape(0);
  Array wave(frames > 0 ? engine.prior_length(frames) : 0);
  const float* pitch = f0.data();
  float* out = wave.mutable_data();
  py::gil_scoped_release release;
  vocode_prior(engine, pitch, frames, seed, noise, out);
  return wave;
}

std::unique_ptr<Stream> py_stream(const EnginePtr& engine, std::uint64_t seed) {
  if (!engine->streamable)
    throw std::invalid_argument(
        "norm 'utterance' needs the whole utterance: this model cannot stream");
  auto stream = std::make_unique<Stream>(engine, Stream::kTile);
  stream->reset(seed);
  return stream;
}

Array py_push(Stream& stream, const Array& mel, const DenseArray& f0) {
  if (stream.flushed()) throw std::runtime_error("the stream is flushed: only reset may follow");
  const std::int64_t frames = check(stream.engine(), mel, f0, nullptr);
  Array wave(stream.pending_push(frames));
  const MelView from = view(mel);
  const float* pitch = f0.data();
  float* out = wave.mutable_data();
  py::gil_scoped_release release;
  stream.push(from, pitch, frames, nullptr, out);
  return wave;
}

Array py_flush(Stream& stream) {
  if (stream.flushed()) throw std::runtime_error("the stream is flushed: only reset may follow");
  Array wave(stream.pending_flush());
  float* out = wave.mutable_data();
  py::gil_scoped_release release;
  stream.flush(nullptr, out);
  return wave;
}

Array py_push_f0(F0Stream& stream, const Array& mel) {
  const std::int64_t frames = check(mel, stream.predictor().config.n_mels);
  Array f0(frames);
  const MelView from = view(mel);
  float* out = f0.mutable_data();
  py::gil_scoped_release release;
  stream.push(from, frames, out);
  return f0;
}

}  // namespace
}  // namespace wavehax

PYBIND11_MODULE(_engine, m) {
  using namespace wavehax;
  m.doc() = "The C++ engine; see wavehax.vocoder for the documented interface.";
  m.def("available_isas", &available_isas,
        "Instruction sets that this machine can run, fastest first.");
  m.def(
      "available_precisions",
      [](const std::string& isa) {
        std::vector<std::string> names;
        for (const Precision precision : available_precisions(choose_kernels(isa)))
          names.emplace_back(precision_name(precision));
        return names;
      },
      py::arg("isa") = "auto",
      "Precisions that this machine has with an instruction set, slowest first.");
  m.def("first_not_finite", &py_first_not_finite, py::arg("mel"),
        "Return frame * n_mels + band of the first value that is not finite, or the size of mel.");
  m.def("first_no_pitch", &py_first_no_pitch, py::arg("f0"),
        "Return the first frame whose F0 is neither 0 nor a finite value of at least 1 Hz, or the "
        "size of f0.");
  m.def(
      "multiply_adds", &py_multiply_adds, py::arg("isa"), py::arg("rounds"),
      "Do `rounds` rounds of multiply-adds and return their number of floating-point operations.");
  py::class_<Engine, EnginePtr>(m, "Engine")
      .def(py::init(&make_engine), py::arg("config"), py::arg("weights"), py::arg("isa") = "auto",
           py::arg("precision") = "fp32", py::arg("log_floor") = 0.0)
      .def_property_readonly("isa",
                             [](const Engine& engine) { return std::string(engine.kernels.isa); })
      .def_property_readonly("precision",
                             [](const Engine& engine) { return precision_name(engine.precision); })
      .def_readonly("streamable", &Engine::streamable)
      .def("vocode", &py_vocode, py::arg("mel"), py::arg("f0"), py::arg("seed"),
           py::arg("prior") = py::none(), py::arg("threads") = 1)
      .def("profile", &py_profile, py::arg("mel"), py::arg("f0"),
           "Seconds by stage, on one thread.")
      .def("prior", &py_prior, py::arg("f0"), py::arg("seed"), py::arg("noise") = true)
      .def("stream", &py_stream, py::arg("seed"));
  py::class_<Stream>(m, "Stream")
      .def("push", &py_push, py::arg("mel"), py::arg("f0"))
      .def("flush", &py_flush)
      .def("reset", &Stream::reset, py::arg("seed"))
      .def_property_readonly("memory", &Stream::memory)
      .def_property_readonly("delay", [](const Stream& stream) { return stream.engine().delay(); });
  py::class_<F0Predictor, F0PredictorPtr>(m, "F0Predictor")
      .def(py::init(&make_f0_predictor), py::arg("n_mels"), py::arg("config"), py::arg("weights"),
           py::arg("isa") = "auto", py::arg("log_floor") = 0.0)
      .def("stream",
           [](const F0PredictorPtr& predictor) { return std::make_unique<F0Stream>(predictor); });
  py::class_<F0Stream>(m, "F0Stream")
      .def("push", &py_push_f0, py::arg("mel"))
      .def("reset", &F0Stream::reset);
}
