#include "hazure/engine/shared_library.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <string_view>
#include <utility>

#if defined(__linux__)
#include <elf.h>
#endif

namespace hazure {

#if defined(__linux__)
namespace {

template <typename T>
bool read_at(std::ifstream& in, std::uint64_t offset, T* to, std::size_t count = 1) {
  in.seekg(static_cast<std::streamoff>(offset));
  return static_cast<bool>(in.read(reinterpret_cast<char*>(to), static_cast<std::streamsize>(count * sizeof(T))));
}

std::string text_at(std::ifstream& in, std::uint64_t offset) {
  in.seekg(static_cast<std::streamoff>(offset));
  std::string text;
  std::getline(in, text, '\0');
  return text;
}

}  // namespace

std::vector<std::string> needed_libraries(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  Elf64_Ehdr header{};
  const std::string magic(ELFMAG, SELFMAG);
  if (!read_at(in, 0, &header) || magic != std::string(reinterpret_cast<char*>(header.e_ident), SELFMAG) ||
      header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_phentsize != sizeof(Elf64_Phdr)) {
    return {};
  }
  std::vector<Elf64_Phdr> segments(header.e_phnum);
  if (!read_at(in, header.e_phoff, segments.data(), segments.size())) return {};
  const auto dynamic = std::find_if(segments.begin(), segments.end(),
                                    [](const Elf64_Phdr& segment) { return segment.p_type == PT_DYNAMIC; });
  if (dynamic == segments.end()) return {};
  std::vector<Elf64_Dyn> entries(dynamic->p_filesz / sizeof(Elf64_Dyn));
  if (!read_at(in, dynamic->p_offset, entries.data(), entries.size())) return {};

  std::uint64_t strings = 0;
  for (const Elf64_Dyn& entry : entries) {
    if (entry.d_tag == DT_NULL) break;
    if (entry.d_tag != DT_STRTAB) continue;
    // The table is told by its address; the segment that holds it says where in the file that is.
    for (const Elf64_Phdr& segment : segments) {
      if (segment.p_type == PT_LOAD && entry.d_un.d_ptr >= segment.p_vaddr &&
          entry.d_un.d_ptr < segment.p_vaddr + segment.p_filesz) {
        strings = entry.d_un.d_ptr - segment.p_vaddr + segment.p_offset;
      }
    }
  }
  std::vector<std::string> names;
  if (strings == 0) return names;
  for (const Elf64_Dyn& entry : entries) {
    if (entry.d_tag == DT_NULL) break;
    if (entry.d_tag == DT_NEEDED) names.push_back(text_at(in, strings + entry.d_un.d_val));
  }
  return names;
}
#else
std::vector<std::string> needed_libraries(const std::string&) { return {}; }
#endif

std::string missing_to_open(const std::string& name) {
  void* handle = dlopen(name.c_str(), RTLD_LAZY | RTLD_LOCAL);
  if (handle != nullptr) {
    dlclose(handle);
    return {};
  }
  // "libx.so.1: cannot open shared object file: …": the loader names the file that it could not have.
  const char* reason = dlerror();
  const std::string text = reason == nullptr ? name : reason;
  const std::size_t colon = text.find(": ");
  return colon == std::string::npos ? name : text.substr(0, colon);
}

std::vector<std::string> missing_libraries(const std::string& path) {
  std::vector<std::string> missing;
  for (const std::string& name : needed_libraries(path)) {
    const std::string absent = missing_to_open(name);
    if (!absent.empty() && std::find(missing.begin(), missing.end(), absent) == missing.end()) missing.push_back(absent);
  }
  return missing;
}

std::string with_product(const std::string& library) {
  // The first that fits: libcudart and libcudnn begin with libcud as well.
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 8> products{{
      {"libcublas", "cuBLAS"},
      {"libcudnn", "cuDNN"},
      {"libcurand", "cuRAND"},
      {"libcufft", "cuFFT"},
      {"libcudart", "CUDA runtime"},
      {"libcuda.", "NVIDIA driver"},
      {"libnvinfer", "TensorRT"},
      {"libnvonnxparser", "TensorRT"},
  }};
  for (const auto& [prefix, product] : products) {
    if (library.starts_with(prefix)) return library + " (" + std::string(product) + ")";
  }
  return library;
}

}  // namespace hazure
