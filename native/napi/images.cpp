#include "images.hpp"

#include "convert.hpp"
#include "environment.hpp"
#include "errors.hpp"
#include "hazure/jpeg.hpp"

namespace hazure {
namespace {

/** Memory as a Uint8Array without a copy; given back when JavaScript lets go of it. */
template <typename Deleter>
Napi::Value bytes_array(Napi::Env env, std::unique_ptr<std::uint8_t[], Deleter> data, std::size_t bytes) {
  const Deleter deleter = data.get_deleter();
  std::uint8_t* raw = data.get();
  const auto buffer = Napi::ArrayBuffer::New(
      env, raw, bytes, [deleter](Napi::Env, void* memory) { deleter(static_cast<std::uint8_t*>(memory)); });
  data.release();  // only now: the line above may throw
  return Napi::Uint8Array::New(env, bytes, buffer, 0);
}

Napi::Value from_decoding(Napi::Env env, JpegDecoding& decoding) {
  Napi::Object object = Napi::Object::New(env);
  if (const auto* declined = std::get_if<JpegDeclined>(&decoding)) {
    object.Set("declined", declined->reason);
    return object;
  }
  auto& pixels = std::get<DecodedPixels>(decoding);
  const std::size_t bytes = pixels.bytes();
  object.Set("widthPx", pixels.width_px);
  object.Set("heightPx", pixels.height_px);
  object.Set("data", bytes_array(env, std::move(pixels.data), bytes));
  return object;
}

/** A file, or its bytes. */
struct Source {
  std::optional<std::string> path;
  std::span<const std::uint8_t> bytes;
};

Source to_source(const Napi::Value& value) {
  if (value.IsString()) return {value.As<Napi::String>().Utf8Value(), {}};
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    refuse_argument("source", "a path or a Uint8Array", kind_of(value));
  }
  std::size_t length = 0;
  void* data = nullptr;
  napi_get_typedarray_info(value.Env(), value, nullptr, &length, &data, nullptr, nullptr);
  return {std::nullopt, {static_cast<const std::uint8_t*>(data), length}};
}

}  // namespace

Napi::Value open_jpeg(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Napi::Env env = info.Env();
    Napi::Object result = Napi::Object::New(env);
    Napi::Array refused = Napi::Array::New(env);
    std::size_t index = 0;
    for (const Napi::Value& candidate : elements_of(info[0], "libraryPaths")) {
      const std::string path = "libraryPaths[" + std::to_string(index++) + "]";
      if (!candidate.IsString()) refuse_argument(path, "a string", kind_of(candidate));
      if (JpegLibrary::get() != nullptr) break;
      const std::string name = candidate.As<Napi::String>();
      const std::string reason = JpegLibrary::open(name);
      if (reason.empty()) break;
      Napi::Object entry = Napi::Object::New(env);
      entry.Set("path", name);
      entry.Set("reason", reason);
      refused.Set(refused.Length(), entry);
    }
    const JpegLibrary* library = JpegLibrary::get();
    result.Set("path", library != nullptr ? Napi::Value(Napi::String::New(env, library->path())) : env.Null());
    result.Set("refused", refused);
    return result;
  });
}

Napi::Value decode_jpeg(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Source source = to_source(info[0]);
    constexpr double most = 9007199254740991.0;  // the largest whole number that JavaScript counts exactly
    const double limit = info[1].IsNumber() ? info[1].As<Napi::Number>().DoubleValue() : -1;
    if (!(limit >= 1 && limit <= most)) refuse_argument("maxPixels", "a number of at least 1", kind_of(info[1]));
    Napi::Array pins = Napi::Array::New(info.Env());
    if (!source.bytes.empty()) pins.Set(0U, info[0]);
    Environment& environment = Environment::of(info.Env());
    auto [promise, ticket] = environment.begin(pins);
    environment.images().post([source, limit = static_cast<std::uint64_t>(limit), ticket = ticket] {
      try {
        auto decoding = std::make_shared<JpegDecoding>(
            source.path ? decode_jpeg_file(*source.path, limit) : decode_jpeg(source.bytes, limit));
        if (const auto* refused = std::get_if<JpegRefused>(decoding.get())) {
          throw Failure("INPUT_UNREADABLE", ErrorKind::kInput, refused->reason);
        }
        ticket.resolve([decoding](Napi::Env env) -> Napi::Value { return from_decoding(env, *decoding); });
      } catch (...) {
        ticket.reject(std::current_exception());
      }
    });
    return promise;
  });
}

Napi::Value encode_jpeg(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Napi::Array one = Napi::Array::New(info.Env(), 1);
    one.Set(0U, info[0]);
    RegionList list = to_regions(one, "regions");
    const double quality = info[1].IsNumber() ? info[1].As<Napi::Number>().DoubleValue() : -1;
    if (!(quality >= 1 && quality <= 100)) refuse_argument("quality", "a number of 1 to 100", kind_of(info[1]));
    Environment& environment = Environment::of(info.Env());
    auto [promise, ticket] = environment.begin(list.pins);
    environment.images().post([region = list.regions.front(), quality = static_cast<int>(quality), ticket = ticket] {
      try {
        auto encoded = std::make_shared<EncodedJpeg>(encode_jpeg(region, quality));
        ticket.resolve([encoded](Napi::Env env) -> Napi::Value {
          return bytes_array(env, std::move(encoded->data), encoded->bytes);
        });
      } catch (...) {
        ticket.reject(std::current_exception());
      }
    });
    return promise;
  });
}

Napi::Value release_pixels(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (!info[0].IsTypedArray() || !info[0].As<Napi::TypedArray>().ArrayBuffer().IsArrayBuffer()) {
      refuse_argument("data", "a typed array", kind_of(info[0]));
    }
    // Without its buffer JavaScript has no more to do with the memory, and need not collect garbage to learn it.
    const bool released = napi_detach_arraybuffer(info.Env(), info[0].As<Napi::TypedArray>().ArrayBuffer()) == napi_ok;
    return Napi::Boolean::New(info.Env(), released);
  });
}

Napi::Value pixel_traffic(const Napi::CallbackInfo& info) {
  const PixelTraffic traffic = pixel_traffic();
  Napi::Object object = Napi::Object::New(info.Env());
  object.Set("decodedImages", static_cast<double>(traffic.decoded));
  object.Set("turnedImages", static_cast<double>(traffic.turned));
  object.Set("recolouredImages", static_cast<double>(traffic.recoloured));
  return object;
}

}  // namespace hazure
