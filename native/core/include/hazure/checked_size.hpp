#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>

namespace hazure {

/** Product of sizes; nullopt where it does not fit. Every size that is made of numbers from outside goes through here. */
std::optional<std::size_t> checked_product(std::initializer_list<std::size_t> factors);

/** Elements of a tensor of these dimensions; nullopt where one is negative or the product does not fit. */
std::optional<std::size_t> element_count(std::span<const std::int64_t> dims);

/** Bytes of a tensor of these dimensions; nullopt as element_count, or where they do not fit. */
std::optional<std::size_t> tensor_bytes(std::span<const std::int64_t> dims, std::size_t element_bytes);

/**
 * Refuses an allocation on the host that can't come true, before it is tried: the system may grant any amount of
 * memory and end the process when it is written to. Small ones (below 256 MiB) are not looked at.
 *
 * @param bytes  nullopt (a product that did not fit) is refused as well
 * @param what   for the message, e.g. `the input tensor`
 * @throws Error kOutOfDeviceMemory when the host has less free than that
 */
std::size_t host_bytes(std::optional<std::size_t> bytes, const char* what);

}  // namespace hazure
