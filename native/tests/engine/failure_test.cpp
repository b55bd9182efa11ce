#include <new>
#include <stdexcept>

#include "check.hpp"
#include "hazure/engine/failure.hpp"

using hazure::failure_record;

namespace {

template <typename Exception>
hazure::FailureRecord record_of(const Exception& exception) {
  return failure_record(std::make_exception_ptr(exception));
}

}  // namespace

TEST(failure, exhausted_memory_of_any_origin_is_one_code) {
  const std::string code = "DEVICE_OUT_OF_MEMORY";
  CHECK_EQ(record_of(std::bad_alloc()).code, code);
  CHECK_EQ(record_of(hazure::Error(hazure::ErrorKind::kOutOfDeviceMemory, "full")).code, code);
  for (const char* message : {
           "BFCArena::AllocateRawInternal Failed to allocate memory for requested buffer of size 41943040",
           "Available memory of 10 is smaller than requested bytes of 20",
           "CUDA failure 2: out of memory ; GPU=0",
           "CUDA_ERROR_OUT_OF_MEMORY",
           "cudaErrorMemoryAllocation while reserving",
           "CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED",
           "CUDNN_STATUS_ALLOC_FAILED",
           "[TRT] Error Code 2: OutOfMemory (no further information)",
           "std::bad_alloc",
       }) {
    CHECK_EQ(record_of(std::runtime_error(message)).code, code, "for ", message);
  }
}

TEST(failure, other_errors_keep_their_code_message_and_hint) {
  const auto finer = record_of(hazure::Failure("MODEL_MISSING", hazure::ErrorKind::kModel, "no file", "look"));
  CHECK_EQ(finer.code, "MODEL_MISSING");
  CHECK_EQ(finer.message, "no file");
  CHECK_EQ(finer.hint, "look");
  CHECK_EQ(record_of(hazure::Error(hazure::ErrorKind::kInput, "x")).code, "INPUT_INVALID");
  CHECK_EQ(record_of(hazure::Error(hazure::ErrorKind::kModel, "x")).code, "MODEL_INVALID");
  CHECK_EQ(record_of(hazure::Error(hazure::ErrorKind::kDevice, "x")).code, "DEVICE_FAILED");
  CHECK_EQ(record_of(std::logic_error("memory of elephants")).code, "INTERNAL");
  CHECK_EQ(record_of(3).code, "INTERNAL");
}
