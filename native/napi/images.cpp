#include "images.hpp"

#include "blocks.hpp"
#include "border.hpp"
#include "buffers.hpp"
#include "convert.hpp"
#include "environment.hpp"
#include "hazure/jpeg.hpp"

namespace hazure {
namespace {

/** Memory as a Uint8Array without a copy; given back when neither JavaScript nor a call has a share of it. */
template <typename Deleter>
Napi::Value bytes_array(Napi::Env env, std::unique_ptr<std::uint8_t[], Deleter> data, std::size_t bytes) {
  const Deleter deleter = data.get_deleter();
  Block block = make_block(reinterpret_cast<std::byte*>(data.release()), bytes, [deleter](std::byte* memory) {
    deleter(reinterpret_cast<std::uint8_t*>(memory));
  });
  const auto buffer = to_array_buffer(env, std::move(block), bytes);
  return Napi::Uint8Array::New(env, bytes, buffer, 0);
}

Napi::Value from_decoding(Napi::Env env, JpegDecoding& decoding) {
  Napi::Object object = Napi::Object::New(env);
  if (const auto* declined = std::get_if<JpegDeclined>(&decoding)) {
    set(object, "declined", declined->reason);
    return object;
  }
  auto& pixels = std::get<DecodedPixels>(decoding);
  const std::size_t bytes = pixels.bytes();
  set(object, "widthPx", pixels.width_px);
  set(object, "heightPx", pixels.height_px);
  set(object, "data", bytes_array(env, std::move(pixels.data), bytes));
  return object;
}

}  // namespace

Napi::Value open_jpeg(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Napi::Env env = info.Env();
    Napi::Object result = Napi::Object::New(env);
    Napi::Array refused = Napi::Array::New(env);
    std::size_t index = 0;
    for (const Napi::Value& candidate : elements_of(info[0], "libraryPaths", 64)) {
      const std::string path = "libraryPaths[" + std::to_string(index++) + "]";
      if (!candidate.IsString()) refuse_argument(path, "a string", kind_of(candidate));
      if (JpegLibrary::get() != nullptr) break;
      const std::string name = text_of(candidate, path);
      const std::string reason = JpegLibrary::open(name);
      if (reason.empty()) break;
      Napi::Object entry = Napi::Object::New(env);
      set(entry, "path", name);
      set(entry, "reason", reason);
      set(refused, refused.Length(), entry);
    }
    const JpegLibrary* library = JpegLibrary::get();
    set(result, "path", library != nullptr ? Napi::Value(Napi::String::New(env, library->path())) : env.Null());
    set(result, "refused", refused);
    return result;
  });
}

Napi::Value decode_jpeg(const Napi::CallbackInfo& info) {
  return promised(info.Env(), [&]() -> Napi::Value {
    constexpr double most = 9007199254740991.0;  // the largest whole number that JavaScript counts exactly
    const double limit = info[1].IsNumber() ? info[1].As<Napi::Number>().DoubleValue() : -1;
    if (!(limit >= 1 && limit <= most)) refuse_argument("maxPixels", "a number of at least 1", kind_of(info[1]));
    std::optional<std::string> path;
    if (info[0].IsString()) path = text_of(info[0], "source");
    BufferTaker taker(info.Env());
    std::span<const std::uint8_t> bytes;
    if (!path) {
      if (!info[0].IsTypedArray()) refuse_argument("source", "a path or a Uint8Array", kind_of(info[0]));
      const TypedBytes source = taker.look(info[0], "source");
      if (source.type != napi_uint8_array || source.detached) {
        refuse_argument("source", "a path or a Uint8Array", source.came());
      }
      bytes = {reinterpret_cast<const std::uint8_t*>(taker.hold(info[0], source)), source.bytes};
    }
    Environment& environment = Environment::of(info.Env());
    return environment.begin(std::move(taker.pins), [&](const Ticket& ticket) {
      environment.images().post([path, bytes, memory = std::move(taker.memory),
                                 limit = static_cast<std::uint64_t>(limit), ticket]() mutable {
        try {
          auto decoding = std::make_shared<JpegDecoding>(path ? decode_jpeg_file(*path, limit)
                                                              : hazure::decode_jpeg(bytes, limit));
          memory.clear();
          if (const auto* refused = std::get_if<JpegRefused>(decoding.get())) {
            throw Failure("INPUT_UNREADABLE", ErrorKind::kInput, refused->reason);
          }
          ticket.resolve([decoding](Napi::Env env) -> Napi::Value { return from_decoding(env, *decoding); });
        } catch (...) {
          ticket.reject(std::current_exception());
        }
      });
    });
  });
}

Napi::Value encode_jpeg(const Napi::CallbackInfo& info) {
  return promised(info.Env(), [&]() -> Napi::Value {
    Napi::Array one = Napi::Array::New(info.Env(), 1);
    set(one, 0U, info[0]);
    const std::vector<RegionRequest> requests = read_regions(one, "regions");
    const double quality = info[1].IsNumber() ? info[1].As<Napi::Number>().DoubleValue() : -1;
    if (!(quality >= 1 && quality <= 100)) refuse_argument("quality", "a number of 1 to 100", kind_of(info[1]));
    RegionList list = take_regions(info.Env(), requests, Extent::kBox);
    Environment& environment = Environment::of(info.Env());
    return environment.begin(std::move(list.pins), [&](const Ticket& ticket) {
      environment.images().post([region = list.regions.front(), memory = std::move(list.memory),
                                 quality = static_cast<int>(quality), ticket]() mutable {
        try {
          auto encoded = std::make_shared<EncodedJpeg>(hazure::encode_jpeg(region, quality));
          memory.clear();
          ticket.resolve([encoded](Napi::Env env) -> Napi::Value {
            return bytes_array(env, std::move(encoded->data), encoded->bytes);
          });
        } catch (...) {
          ticket.reject(std::current_exception());
        }
      });
    });
  });
}

Napi::Value release_pixels(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (!info[0].IsTypedArray()) refuse_argument("data", "a typed array", kind_of(info[0]));
    napi_value buffer = nullptr;
    bool plain = false;
    if (napi_get_typedarray_info(info.Env(), info[0], nullptr, nullptr, nullptr, &buffer, nullptr) != napi_ok ||
        napi_is_arraybuffer(info.Env(), buffer, &plain) != napi_ok || !plain) {
      refuse_argument("data", "a typed array over an ArrayBuffer", kind_of(info[0]));
    }
    // Without its buffer JavaScript has no more to do with the memory, and need not collect garbage to learn it; a call
    // that still reads it has a share of its own.
    return Napi::Boolean::New(info.Env(), napi_detach_arraybuffer(info.Env(), buffer) == napi_ok);
  });
}

Napi::Value pixel_traffic(const Napi::CallbackInfo& info) {
  const PixelTraffic traffic = pixel_traffic();
  Napi::Object object = Napi::Object::New(info.Env());
  set(object, "decodedImages", static_cast<double>(traffic.decoded));
  set(object, "turnedImages", static_cast<double>(traffic.turned));
  set(object, "recolouredImages", static_cast<double>(traffic.recoloured));
  return object;
}

}  // namespace hazure
