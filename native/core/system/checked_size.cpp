#include "hazure/checked_size.hpp"

#include <string>

#include "hazure/error.hpp"
#include "hazure/system_info.hpp"

namespace hazure {

std::optional<std::size_t> checked_product(std::initializer_list<std::size_t> factors) {
  std::size_t product = 1;
  for (const std::size_t factor : factors) {
    if (__builtin_mul_overflow(product, factor, &product)) return std::nullopt;
  }
  return product;
}

std::optional<std::size_t> element_count(std::span<const std::int64_t> dims) {
  std::size_t product = 1;
  bool fits = true;
  for (const std::int64_t dim : dims) {
    if (dim < 0) return std::nullopt;
    if (dim == 0) return 0;  // nothing, however large the others are
  }
  for (const std::int64_t dim : dims) {
    fits = fits && !__builtin_mul_overflow(product, static_cast<std::size_t>(dim), &product);
  }
  return fits ? std::optional(product) : std::nullopt;
}

std::optional<std::size_t> tensor_bytes(std::span<const std::int64_t> dims, std::size_t element_bytes) {
  const auto elements = element_count(dims);
  if (!elements) return std::nullopt;
  return checked_product({*elements, element_bytes});
}

std::size_t host_bytes(std::optional<std::size_t> bytes, const char* what) {
  // Below this the question costs more than the answer is worth.
  constexpr std::size_t kLooked = std::size_t{256} << 20;
  if (bytes && *bytes < kLooked) return *bytes;
  const HostMemory host = host_memory();
  const bool told = host.free_bytes > 0;
  const bool absurd = !bytes || *bytes > static_cast<std::size_t>(PTRDIFF_MAX);
  if (!absurd && (!told || *bytes <= host.free_bytes)) return *bytes;
  throw Error(ErrorKind::kOutOfDeviceMemory,
              std::string(what) + " needs " + (bytes ? std::to_string(*bytes) : "more than 2^64") + " bytes, the host has " +
                  (told ? std::to_string(host.free_bytes) + " free" : "fewer"),
              "Use a smaller batch size or a smaller model input.");
}

}  // namespace hazure
