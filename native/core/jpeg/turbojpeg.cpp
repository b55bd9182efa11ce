#include "turbojpeg.hpp"

#include <dlfcn.h>

#include <atomic>
#include <new>

namespace hazure {
namespace {

std::atomic<const JpegLibrary*> opened{nullptr};

template <typename Function>
bool find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  return function != nullptr;
}

std::string file_of(void* address, const std::string& otherwise) {
  Dl_info info{};
  return dladdr(address, &info) != 0 && info.dli_fname != nullptr ? info.dli_fname : otherwise;
}

}  // namespace

const JpegLibrary* JpegLibrary::get() noexcept { return opened.load(std::memory_order_acquire); }

std::string JpegLibrary::open(const std::string& path) {
  if (get() != nullptr) return {};
  // Never closed where it is used: threads of the engine hold codecs of it until they end.
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* reason = dlerror();
    return reason == nullptr ? path + " could not be opened" : reason;
  }
  auto functions = std::make_unique<Functions>();
  const char* absent = !find(handle, "tjInitDecompress", functions->init_decompress) ? "tjInitDecompress"
                       : !find(handle, "tjInitCompress", functions->init_compress)   ? "tjInitCompress"
                       : !find(handle, "tjDestroy", functions->destroy)              ? "tjDestroy"
                       : !find(handle, "tjDecompressHeader3", functions->header)     ? "tjDecompressHeader3"
                       : !find(handle, "tjDecompress2", functions->decompress)       ? "tjDecompress2"
                       : !find(handle, "tjCompress2", functions->compress)           ? "tjCompress2"
                       : !find(handle, "tjBufSize", functions->most_bytes)           ? "tjBufSize"
                       : !find(handle, "tjGetErrorStr2", functions->error)           ? "tjGetErrorStr2"
                                                                                     : nullptr;
  if (absent != nullptr) {
    dlclose(handle);
    return path + " has no " + absent + ": it is no TurboJPEG of version 1.4 or newer";
  }
  find(handle, "tj3Set", functions->set);
  auto library = std::unique_ptr<JpegLibrary>(new JpegLibrary());
  library->path_ = file_of(reinterpret_cast<void*>(functions->init_decompress), path);
  library->functions_ = std::move(functions);
  opened.store(library.release(), std::memory_order_release);
  return {};
}

JpegCodec::JpegCodec(const JpegLibrary& library, Kind kind)
    : api_(library.functions()), handle_(kind == Kind::kDecompress ? api_.init_decompress() : api_.init_compress()) {
  if (handle_ == nullptr) throw std::bad_alloc();
}

JpegCodec::~JpegCodec() { api_.destroy(handle_); }

}  // namespace hazure
