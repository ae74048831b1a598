// Python's view of the training kernels: arrays of float32, the interpreter lock and errors; no arithmetic.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "../kernels/isa.h"
#include "depthwise.h"
#include "mlp.h"
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

void py_depthwise_forward(const Array& x, const Array& weight, int before, bool causal, int threads, Array out, Array mean,
                          Array variance, const std::string& isa) {
  const Kernels& k = kernels(isa);
  const Depthwise d = depthwise_shape(x, weight, before, causal);
  check("out", out, dims(x));
  check("mean", mean, {x.shape(3)});
  check("variance", variance, {x.shape(3)});
  const float *from = x.data(), *w = weight.data();
  float *to = out.mutable_data(), *to_mean = mean.mutable_data(), *to_variance = variance.mutable_data();
  py::gil_scoped_release release;
  depthwise_forward(k, d, from, w, threads, to, to_mean, to_variance);
}

void py_depthwise_backward(const Array& x, const Array& weight, const Array& grad, const Array& out, const Array& offset,
                           const Array& slope, const Array& grad_residual, int before, bool causal, int threads, Array grad_x, Array grad_weight,
                           const std::string& isa) {
  const Kernels& k = kernels(isa);
  const Depthwise d = depthwise_shape(x, weight, before, causal);
  check("grad", grad, dims(x));
  check("out", out, dims(x));
  check("offset", offset, {x.shape(3)});
  check("slope", slope, {x.shape(3)});
  check("grad_residual", grad_residual, dims(x));
  check("grad_x", grad_x, dims(x));
  check("grad_weight", grad_weight, dims(weight));
  const OutputGradient gradient = {grad.data(), out.data(), offset.data(), slope.data()};
  const float *from = x.data(), *w = weight.data(), *residual = grad_residual.data();
  float *to_x = grad_x.mutable_data(), *to_weight = grad_weight.mutable_data();
  py::gil_scoped_release release;
  depthwise_backward(k, d, from, w, gradient, residual, threads, to_x, to_weight);
}

// The first dimensions of x are positions.
Mlp mlp_shape(const Array& x, const Array& w1, const Array& b1, const Array& w2, const Array& b2) {
  if (x.ndim() < 1 || x.size() == 0) throw std::invalid_argument("x has shape " + text(dims(x)) + "; expected [..., C]");
  const py::ssize_t channels = x.shape(x.ndim() - 1), expanded = b1.size();
  check("w1", w1, {expanded, channels});
  check("b1", b1, {expanded});
  check("w2", w2, {channels, expanded});
  check("b2", b2, {channels});
  return {static_cast<long>(x.size() / channels), static_cast<int>(channels), static_cast<int>(expanded)};
}

void py_mlp_forward(const Array& x, const Array& w1, const Array& b1, const Array& w2, const Array& b2, const Array& residual,
                    int threads, Array out, const std::string& isa) {
  const Kernels& k = kernels(isa);
  const Mlp shape = mlp_shape(x, w1, b1, w2, b2);
  check("residual", residual, dims(x));
  check("out", out, dims(x));
  const MlpWeights weights = {w1.data(), b1.data(), w2.data(), b2.data()};
  const float *from = x.data(), *add = residual.data();
  float* to = out.mutable_data();
  py::gil_scoped_release release;
  mlp_forward(k, shape, from, weights, add, threads, to);
}

void py_mlp_backward(const Array& x, const Array& w1, const Array& b1, const Array& w2, const Array& b2, const Array& grad_out,
                     int threads, Array grad_x, Array grad_w1, Array grad_b1, Array grad_w2, Array grad_b2,
                     const std::string& isa) {
  const Kernels& k = kernels(isa);
  const Mlp shape = mlp_shape(x, w1, b1, w2, b2);
  check("grad_out", grad_out, dims(x));
  check("grad_x", grad_x, dims(x));
  check("grad_w1", grad_w1, dims(w1));
  check("grad_b1", grad_b1, dims(b1));
  check("grad_w2", grad_w2, dims(w2));
  check("grad_b2", grad_b2, dims(b2));
  const MlpWeights weights = {w1.data(), b1.data(), w2.data(), b2.data()};
  const MlpGradients gradients = {grad_x.mutable_data(), grad_w1.mutable_data(), grad_b1.mutable_data(),
                                  grad_w2.mutable_data(), grad_b2.mutable_data()};
  const float *from = x.data(), *g = grad_out.data();
  py::gil_scoped_release release;
  mlp_backward(k, shape, from, weights, g, threads, gradients);
}

}  // namespace
}  // namespace wavehax::training

PYBIND11_MODULE(_training, m) {
  using namespace wavehax::training;
  m.doc() = "Kernels that train the generator on a CPU; see wavehax.nn.cpu. Arrays are float32 and C-contiguous.";
  const auto array = [](const char* name) { return py::arg(name).noconvert(); };
  m.def("depthwise_forward", &py_depthwise_forward, array("x"), array("weight"), py::arg("before"), py::arg("causal"),
        py::arg("threads"), array("out"), array("mean"), array("variance"), py::arg("isa") = "auto");
  m.def("depthwise_backward", &py_depthwise_backward, array("x"), array("weight"), array("grad"), array("out"),
        array("offset"), array("slope"), array("grad_residual"), py::arg("before"), py::arg("causal"), py::arg("threads"),
        array("grad_x"), array("grad_weight"), py::arg("isa") = "auto");
  m.def("mlp_forward", &py_mlp_forward, array("x"), array("w1"), array("b1"), array("w2"), array("b2"), array("residual"),
        py::arg("threads"), array("out"), py::arg("isa") = "auto");
  m.def("mlp_backward", &py_mlp_backward, array("x"), array("w1"), array("b1"), array("w2"), array("b2"), array("grad_out"),
        py::arg("threads"), array("grad_x"), array("grad_w1"), array("grad_b1"), array("grad_w2"), array("grad_b2"),
        py::arg("isa") = "auto");
}
