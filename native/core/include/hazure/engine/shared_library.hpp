#pragma once

#include <string>
#include <vector>

namespace hazure {

/**
 * The libraries that an ELF file says it needs (DT_NEEDED), in its order; empty where the file can't be read or is no
 * 64-bit ELF of this machine's byte order.
 */
std::vector<std::string> needed_libraries(const std::string& path);

/**
 * Those of them that the loader can't have here, at any depth: found by opening each alone, so that one that is absent
 * does not hide the next. Names as the loader looks for them, each once.
 */
std::vector<std::string> missing_libraries(const std::string& path);

/** What the loader can't find when it opens this one library by name: itself, or what it needs; empty when it opens. */
std::string missing_to_open(const std::string& name);

/** `libcublas.so.13 (cuBLAS)`: with the product it belongs to, where that is known. */
std::string with_product(const std::string& library);

}  // namespace hazure
