// Python's view of the training kernels: arrays of float32, the interpreter lock and errors; no arithmetic.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "../isa.h"
#include "depthwise.h"
#include "table.h"

namespace py = pybind11;

namespace wavehax::training {
namespace {

using Array = py::array_t<float, py::array::c_style>;
using Dims = std::vector<py::ssize_t>;

const Kernels& kernels(const std::string& isa) {
#if defined(__x86_64__) || defined(__i386__)
  return choose_table<Kernels>({&avx512_kernels(), &avx2_kernels(), &portable_kernels()}, isa);
#elif defined(__aarch64__)
  return choose_table<Kernels>({&neon_kernels(), &portable_kernels()}, isa);
#else
  return choose_table<Kernels>({&portable_kernels()}, isa);
#endif
}

std::string text(const Dims& dims) {
  std::string joined;
  for (const py::ssize_t n : dims) joined += (joined.empty() ? "" : ", ") + std::to_string(n);
  return "[" + joined + "]";
}

Dims dims(const Array& array) { return Dims(array.shape(), array.shape() + array.ndim()); }

void check(const char* name, const Array& array, const Dims& expected) {
  if (dims(array) != expected)
    throw std::invalid_argument(std::string(name) + " has shape " + text(dims(array)) + "; expected " + text(expected));
}

Depthwise depthwise_shape(const Array& x, const Array& weight, int before, bool causal) {
  if (x.ndim() != 4 || x.size() == 0) throw std::invalid_argument("x has shape " + text(dims(x)) + "; expected [B, F, T, C]");
  if (weight.ndim() != 4 || weight.shape(0) != x.shape(3) || weight.shape(1) != 1)
    throw std::invalid_argument("weight has shape " + text(dims(weight)) + "; expected [C, 1, bins, frames]");
  Depthwise d{};
  d.batch = x.shape(0), d.bins = x.shape(1), d.frames = x.shape(2);
  d.channels = static_cast<int>(x.shape(3));
  d.kernel_bins = static_cast<int>(weight.shape(2)), d.kernel_frames = static_cast<int>(weight.shape(3));
  d.before = before;
  d.border = causal ? Border::kZeros : Border::kReflect;
  if (d.kernel_bins % 2 == 0 || d.kernel_bins / 2 >= d.bins)
    throw std::invalid_argument("weight spans " + std::to_string(d.kernel_bins) + " bins; expected an odd number below " +
                                std::to_string(2 * d.bins));
  if (before < 0 || before >= d.kernel_frames)
    throw std::invalid_argument("before is " + std::to_string(before) + "; expected 0 to " + std::to_string(d.kernel_frames - 1));
  return d;
}

void py_depthwise_forward(const Array& x, const Array& weight, int before, bool causal, int threads, Array out,
                          const std::string& isa) {
  const Kernels& k = kernels(isa);
  const Depthwise d = depthwise_shape(x, weight, before, causal);
  check("out", out, dims(x));
  const float *from = x.data(), *w = weight.data();
  float* to = out.mutable_data();
  py::gil_scoped_release release;
  depthwise_forward(k, d, from, w, threads, to);
}

void py_depthwise_backward(const Array& x, const Array& weight, const Array& grad_out, int before, bool causal, int threads,
                           Array grad_x, Array grad_weight, const std::string& isa) {
  const Kernels& k = kernels(isa);
  const Depthwise d = depthwise_shape(x, weight, before, causal);
  check("grad_out", grad_out, dims(x));
  check("grad_x", grad_x, dims(x));
  check("grad_weight", grad_weight, dims(weight));
  const float *from = x.data(), *w = weight.data(), *g = grad_out.data();
  float *to_x = grad_x.mutable_data(), *to_weight = grad_weight.mutable_data();
  py::gil_scoped_release release;
  depthwise_backward(k, d, from, w, g, threads, to_x, to_weight);
}

}  // namespace
}  // namespace wavehax::training

PYBIND11_MODULE(_training, m) {
  using namespace wavehax::training;
  m.doc() = "Kernels that train the generator on a CPU; see wavehax.nn.kernels. Arrays are float32 and C-contiguous.";
  const auto array = [](const char* name) { return py::arg(name).noconvert(); };
  m.def("depthwise_forward", &py_depthwise_forward, array("x"), array("weight"), py::arg("before"), py::arg("causal"),
        py::arg("threads"), array("out"), py::arg("isa") = "auto");
  m.def("depthwise_backward", &py_depthwise_backward, array("x"), array("weight"), array("grad_out"), py::arg("before"),
        py::arg("causal"), py::arg("threads"), array("grad_x"), array("grad_weight"), py::arg("isa") = "auto");
}
