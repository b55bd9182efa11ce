#include "hazure/engine/session.hpp"

#include <cstring>
#include <filesystem>

#include "hazure/checked_size.hpp"
#include "hazure/engine/ort_failure.hpp"
#include "hazure/engine/ort_library.hpp"
#include "hazure/engine/ort_tensor.hpp"
#include "hazure/engine/providers.hpp"

namespace hazure {
namespace {

/** Which graph an inference belongs to; see onnxruntime_run_options_config_keys.h. */
constexpr const char* kGraphKey = "gpu_graph_id";

SessionDescription describe(const Ort::Session& session) {
  SessionDescription description;
  description.inputs = model_inputs(session);
  description.outputs = model_outputs(session);
  Ort::AllocatorWithDefaultOptions allocator;
  const auto metadata = session.GetModelMetadata();
  for (const auto& key : metadata.GetCustomMetadataMapKeysAllocated(allocator)) {
    const auto value = metadata.LookupCustomMetadataMapAllocated(key.get(), allocator);
    if (value) description.metadata.emplace(key.get(), value.get());
  }
  return description;
}

std::string shape_text(std::span<const std::int64_t> dims) {
  std::string text = "[";
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (i > 0) text += ", ";
    text += dims[i] < 0 ? "?" : std::to_string(dims[i]);
  }
  return text + "]";
}

[[noreturn]] void refuse(const std::string& message) { throw Failure("INPUT_INVALID", ErrorKind::kInput, message); }

/** A precision asked for by name is never replaced without a word. */
void check_precision(const SessionDescription& description, const SessionOptions& options, const std::string& path) {
  if (options.precision == PrecisionChoice::kAuto) return;
  const Precision wanted = options.precision == PrecisionChoice::kFp16 ? Precision::kFp16 : Precision::kFp32;
  if (wanted == description.precision) return;
  throw Failure("DEVICE_UNAVAILABLE", ErrorKind::kDevice,
                std::string(precision_name(wanted)) + " was asked for, but " + device_name(description.device) +
                    " runs " + path + " in the " + precision_name(description.precision) + " that it holds",
                "Use `--precision auto`, a model exported in that precision, or TensorRT.");
}

OwnedTensor copy_out(const std::string& name, const Ort::Value& value) {
  OwnedTensor tensor;
  tensor.name = name;
  const auto info = value.GetTensorTypeAndShapeInfo();
  tensor.type = from_onnx(info.GetElementType());
  tensor.dims = info.GetShape();
  if (tensor.type == ElementType::kOther) {
    throw Failure("MODEL_UNSUPPORTED", ErrorKind::kModel,
                  "Output " + name + " has an element type that hazure does not read",
                  "Expected one of float32, float16, int64, int32, uint8, bool.");
  }
  tensor.bytes = host_bytes(checked_product({info.GetElementCount(), element_bytes(tensor.type)}), "an output");
  tensor.data.reset(static_cast<std::byte*>(std::malloc(std::max<std::size_t>(tensor.bytes, 1))));
  if (!tensor.data) throw std::bad_alloc();
  std::memcpy(tensor.data.get(), value.GetTensorRawData(), tensor.bytes);
  return tensor;
}

}  // namespace

Session::Session(Ort::Session session, SessionDescription description)
    : session_(std::move(session)), description_(std::move(description)) {
  for (const auto& input : description_.inputs) input_names_.push_back(input.name.c_str());
  for (const auto& output : description_.outputs) output_names_.push_back(output.name.c_str());
  // Without an id the runtime would capture the first inference that comes, on memory that moves.
  if (description_.graphs) run_options_.AddConfigEntry(kGraphKey, std::to_string(kNoGraph).c_str());
}

std::unique_ptr<Session> Session::load(const std::string& path, const SessionOptions& options) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    throw Failure("MODEL_MISSING", ErrorKind::kModel, "The model " + path + " does not exist",
                  "Check the path, or use a name from `hazure models list`.");
  }
  if (!std::filesystem::is_regular_file(path, ignored)) {
    throw Failure("MODEL_INVALID", ErrorKind::kModel, "The model " + path + " is not a file",
                  "Give the path of an .onnx file.");
  }
  OpenedSession opened = open_on_device(OrtLibrary::get(), path, options);
  SessionDescription description;
  try {
    description = describe(opened.session);
  } catch (const Ort::Exception& error) {
    throw_load_failure(error, path);
  }
  description.device = opened.device;
  description.device_reason = std::move(opened.reason);
  description.precision = opened.precision;
  description.graphs = opened.device == Device::kCuda && options.cuda.graphs;
  if (opened.device == Device::kCpu) description.streams = cpu_plan(options, 1).streams;
  for (const auto& input : description.inputs) {
    if (input.type == ElementType::kFloat16) description.precision = Precision::kFp16;
  }
  check_precision(description, options, path);
  return std::unique_ptr<Session>(new Session(std::move(opened.session), std::move(description)));
}

void Session::check_feed(const FeedView& feed) const {
  const TensorInfo* wanted = nullptr;
  std::string names;
  for (const auto& input : description_.inputs) {
    if (input.name == feed.name) wanted = &input;
    names += (names.empty() ? "" : ", ") + input.name;
  }
  if (wanted == nullptr) refuse("The model has no input " + feed.name + "; its inputs are " + names);
  if (wanted->type != feed.type) {
    refuse("Input " + feed.name + " wants " + element_name(wanted->type) + ", got " + element_name(feed.type));
  }
  bool fits = wanted->dims.size() == feed.dims.size();
  for (std::size_t i = 0; i < feed.dims.size(); ++i) {
    if (feed.dims[i] < 0) fits = false;
    if (fits && wanted->dims[i] >= 0 && wanted->dims[i] != feed.dims[i]) fits = false;
  }
  if (!fits) {
    refuse("Input " + feed.name + " wants the shape " + shape_text(wanted->dims) + ", got " + shape_text(feed.dims));
  }
  const auto bytes = tensor_bytes(feed.dims, element_bytes(feed.type));
  if (bytes != feed.bytes) {
    const std::string needed = bytes ? std::to_string(bytes.value_or(0)) : "more than 2^64";
    refuse("Input " + feed.name + " of shape " + shape_text(feed.dims) + " needs " + needed + " bytes, got " +
           std::to_string(feed.bytes));
  }
}

std::vector<OwnedTensor> Session::run(std::span<const FeedView> feeds) {
  const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
  std::vector<Ort::Value> inputs;
  for (const auto& feed : feeds) check_feed(feed);
  for (const auto& input : description_.inputs) {
    const FeedView* found = nullptr;
    for (const auto& feed : feeds) {
      if (feed.name == input.name) found = &feed;
    }
    if (found == nullptr) refuse("The model's input " + input.name + " was not fed");
    inputs.push_back(Ort::Value::CreateTensor(memory, const_cast<void*>(found->data), found->bytes,
                                              found->dims.data(), found->dims.size(), to_onnx(found->type)));
  }
  const auto values = run_values(inputs, output_names_);
  std::vector<OwnedTensor> outputs;
  for (std::size_t i = 0; i < values.size(); ++i) outputs.push_back(copy_out(output_names_[i], values[i]));
  return outputs;
}

std::vector<Ort::Value> Session::run_values(std::span<const Ort::Value> inputs,
                                            std::span<const char* const> output_names) {
  try {
    return session_.Run(run_options_, input_names_.data(), inputs.data(), inputs.size(), output_names.data(),
                        output_names.size());
  } catch (const Ort::Exception& error) {
    throw_run_failure(error);
  }
}

Ort::IoBinding Session::bind(const Ort::Value& input, std::span<const char* const> outputs,
                             const Ort::MemoryInfo& memory) {
  try {
    Ort::IoBinding bound = binding();
    bound.BindInput(input_names_.front(), input);
    for (const char* name : outputs) bound.BindOutput(name, memory);
    return bound;
  } catch (const Ort::Exception& error) {
    throw_run_failure(error);
  }
}

void Session::run_bound(Ort::IoBinding& binding, int graph) {
  try {
    session_.Run(options_of(graph), binding);
    binding.SynchronizeOutputs();
  } catch (const Ort::Exception& error) {
    if (graph == kNoGraph) throw_run_failure(error);
    throw_graph_failure(error);
  }
}

const Ort::RunOptions& Session::options_of(int graph) {
  if (graph == kNoGraph) return run_options_;
  const std::lock_guard lock(graph_mutex_);
  const auto [found, made] = graph_options_.try_emplace(graph);
  if (made) {
    found->second.AddConfigEntry(kGraphKey, std::to_string(graph).c_str());
    if (aborted_) found->second.SetTerminate();
  }
  return found->second;
}

void Session::abort() {
  run_options_.SetTerminate();
  const std::lock_guard lock(graph_mutex_);
  aborted_ = true;
  for (auto& [graph, options] : graph_options_) options.SetTerminate();
}

}  // namespace hazure
