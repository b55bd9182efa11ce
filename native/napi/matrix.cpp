#include "matrix.hpp"

#include <cstdlib>
#include <memory>
#include <new>
#include <type_traits>
#include <vector>

#include "convert.hpp"
#include "environment.hpp"
#include "errors.hpp"
#include "fields.hpp"
#include "hazure/engine/image_model.hpp"
#include "hazure/matrix.hpp"

namespace hazure {
namespace {

constexpr std::int64_t kMaxRows = std::int64_t{1} << 31;
constexpr std::int64_t kMaxCols = 1 << 20;
constexpr std::int64_t kMaxKept = 16384;

template <typename T>
constexpr napi_typedarray_type array_type() {
  if constexpr (std::is_same_v<T, float>) return napi_float32_array;
  if constexpr (std::is_same_v<T, double>) return napi_float64_array;
  return napi_int32_array;
}

template <typename T>
const char* array_name() {
  if constexpr (std::is_same_v<T, float>) return "a Float32Array";
  if constexpr (std::is_same_v<T, double>) return "a Float64Array";
  return "an Int32Array";
}

/**
 * The values of a typed array for as long as a call runs. Shared memory is read where it lies, since it can neither
 * move nor shrink; anything else is copied, since JavaScript may resize or transfer it meanwhile.
 */
template <typename T>
class Values {
 public:
  Values() = default;
  Values(const Napi::Value& value, const std::string& path, std::uint64_t expected, const Napi::Array& pins) {
    if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != array_type<T>()) {
      refuse_argument(path, array_name<T>(), kind_of(value));
    }
    napi_typedarray_type type;
    std::size_t length = 0;
    void* data = nullptr;
    napi_value buffer = nullptr;
    std::size_t offset = 0;
    const napi_status status =
        napi_get_typedarray_info(value.Env(), value, &type, &length, &data, &buffer, &offset);
    if (status != napi_ok) refuse_argument(path, array_name<T>() + std::string(" that can be read"), "one that cannot");
    if (length != expected) {
      refuse_argument(path, std::to_string(expected) + " values", std::to_string(length));
    }
    bool movable = true;
    napi_is_arraybuffer(value.Env(), buffer, &movable);
    const auto* values = static_cast<const T*>(data);
    if (!movable) {
      data_ = values;
      Napi::Array pinned = pins;
      pinned.Set(pinned.Length(), value);
    } else {
      copy_ = std::make_shared<std::vector<T>>(values, values + length);
      data_ = copy_->data();
    }
  }

  [[nodiscard]] const T* data() const { return data_; }

 private:
  std::shared_ptr<std::vector<T>> copy_;
  const T* data_ = nullptr;
};

/** Shape and values as they came; nothing of the values is looked at until all fields were read. */
struct Rows {
  std::string path;
  std::size_t rows;
  std::size_t cols;
  Napi::Value values;

  explicit Rows(const Fields& fields, const char* name)
      : path(fields.path_of(name)),
        rows(static_cast<std::size_t>(fields.object(name).whole("rows", 0, kMaxRows))),
        cols(static_cast<std::size_t>(fields.object(name).whole("cols", 1, kMaxCols))),
        values(fields.object(name).raw("data")) {}

  [[nodiscard]] Values<float> take(const Napi::Array& pins) const {
    return Values<float>(values, path + ".data", static_cast<std::uint64_t>(rows) * cols, pins);
  }
};

bool given(const Napi::Value& value) { return !value.IsUndefined() && !value.IsNull(); }

/** Memory for a result, handed to JavaScript without a copy. */
template <typename T>
class Result {
 public:
  explicit Result(std::size_t count) : count_(count) {
    bytes_.reset(static_cast<std::byte*>(std::malloc(std::max<std::size_t>(1, count * sizeof(T)))));
    if (!bytes_) throw std::bad_alloc();
  }
  [[nodiscard]] T* data() const { return reinterpret_cast<T*>(bytes_.get()); }
  Napi::Value hand_over(Napi::Env env) {
    const auto buffer = to_array_buffer(env, std::move(bytes_), count_ * sizeof(T));
    return Napi::TypedArrayOf<T>::New(env, count_, buffer, 0);
  }

 private:
  std::unique_ptr<std::byte[], FreeDeleter> bytes_;
  std::size_t count_;
};

/** Runs `work` on the environment's own thread and settles the promise with what it returns. */
template <typename Work>
Napi::Value in_background(Napi::Env env, const Napi::Array& pins, Work&& work) {
  Environment& environment = Environment::of(env);
  auto [promise, ticket] = environment.begin(pins);
  environment.general().post([work = std::forward<Work>(work), ticket = ticket]() mutable {
    try {
      ticket.resolve(work());
    } catch (...) {
      ticket.reject(std::current_exception());
    }
  });
  return promise;
}

}  // namespace

Napi::Value nearest_rows_call(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Fields fields(info[0], "request");
    const Rows queries(fields, "queries");
    const Rows reference(fields, "reference");
    const auto kept = static_cast<std::size_t>(fields.whole("kept", 1, kMaxKept));
    const Napi::Value weights = fields.raw("weights");
    const Napi::Value parts = fields.raw("partOf");
    if (queries.cols != reference.cols) {
      refuse_argument("request.queries.cols", std::to_string(reference.cols), std::to_string(queries.cols));
    }
    if (given(parts) && queries.rows != reference.rows) {
      refuse_argument("request.queries.rows", std::to_string(reference.rows) + ", as the reference has, with parts",
                      std::to_string(queries.rows));
    }
    // From here on no JavaScript runs, so that no array can change before it is held.
    Napi::Array pins = Napi::Array::New(info.Env());
    const Values<float> query_values = queries.take(pins);
    const Values<float> reference_values = reference.take(pins);
    const Values<float> weight_values =
        given(weights) ? Values<float>(weights, "request.weights", reference.rows, pins) : Values<float>();
    const Values<std::int32_t> part_values =
        given(parts) ? Values<std::int32_t>(parts, "request.partOf", reference.rows, pins) : Values<std::int32_t>();
    return in_background(info.Env(), pins,
                         [query_values, reference_values, weight_values, part_values, kept, m = queries.rows,
                          n = reference.rows, d = queries.cols]() -> MakeResult {
                           auto indices = std::make_shared<Result<std::int32_t>>(m * kept);
                           nearest_rows({{query_values.data(), m, d},
                                         {reference_values.data(), n, d},
                                         kept,
                                         weight_values.data(),
                                         part_values.data()},
                                        indices->data(), engine_pool());
                           return [indices](Napi::Env env) { return indices->hand_over(env); };
                         });
  });
}

Napi::Value transform_rows_call(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Fields fields(info[0], "request");
    const Rows rows(fields, "rows");
    const Napi::Value origin = fields.raw("origin");
    const Napi::Value factor = fields.raw("factor");
    const auto rank = static_cast<std::size_t>(fields.whole("rank", 0, kMaxCols));
    const bool triangular = fields.flag("triangular");
    if (triangular && rank > rows.cols) {
      refuse_argument("request.rank", "at most " + std::to_string(rows.cols) + " for a triangular factor",
                      std::to_string(rank));
    }
    Napi::Array pins = Napi::Array::New(info.Env());
    const Values<float> values = rows.take(pins);
    const Values<double> origins(origin, "request.origin", rows.cols, pins);
    const Values<double> factors(factor, "request.factor", static_cast<std::uint64_t>(rank) * rows.cols, pins);
    return in_background(info.Env(), pins,
                         [values, origins, factors, rank, triangular, m = rows.rows, d = rows.cols]() -> MakeResult {
                           auto result = std::make_shared<Result<double>>(m * rank);
                           transform_rows({{values.data(), m, d}, origins.data(), factors.data(), rank, triangular},
                                          result->data(), engine_pool());
                           return [result](Napi::Env env) { return result->hand_over(env); };
                         });
  });
}

Napi::Value moment_sums_call(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Fields fields(info[0], "request");
    const Rows rows(fields, "rows");
    const Napi::Value origin = fields.raw("origin");
    Napi::Array pins = Napi::Array::New(info.Env());
    const Values<float> values = rows.take(pins);
    const Values<double> origins(origin, "request.origin", rows.cols, pins);
    return in_background(info.Env(), pins, [values, origins, n = rows.rows, d = rows.cols]() -> MakeResult {
      struct Sums {
        Result<double> first, second, third;
        double fourth = 0;
        explicit Sums(std::size_t cols) : first(cols), second(cols * cols), third(cols) {}
      };
      auto sums = std::make_shared<Sums>(d);
      MomentSums parts{sums->first.data(), sums->second.data(), sums->third.data(), 0};
      moment_sums({values.data(), n, d}, origins.data(), parts, engine_pool());
      sums->fourth = parts.fourth;
      return [sums, n](Napi::Env env) -> Napi::Value {
        Napi::Object object = Napi::Object::New(env);
        object.Set("count", static_cast<double>(n));
        object.Set("first", sums->first.hand_over(env));
        object.Set("second", sums->second.hand_over(env));
        object.Set("third", sums->third.hand_over(env));
        object.Set("fourth", sums->fourth);
        return object;
      };
    });
  });
}

}  // namespace hazure
