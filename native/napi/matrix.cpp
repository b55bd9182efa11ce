#include "matrix.hpp"

#include <cstdlib>
#include <memory>
#include <new>
#include <type_traits>
#include <vector>

#include "border.hpp"
#include "buffers.hpp"
#include "convert.hpp"
#include "environment.hpp"
#include "fields.hpp"
#include "hazure/engine/image_model.hpp"
#include "hazure/checked_size.hpp"
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

/** The values of one of the call's typed arrays, which `taker` keeps. @throws Failure INPUT_INVALID */
template <typename T>
const T* take_values(BufferTaker& taker, const Napi::Value& value, const std::string& path, std::uint64_t expected) {
  const TypedBytes bytes = taker.look(value, path);
  if (bytes.type != array_type<T>() || bytes.detached) refuse_argument(path, array_name<T>(), bytes.came());
  if (bytes.bytes / sizeof(T) != expected) {
    refuse_argument(path, std::to_string(expected) + " values", std::to_string(bytes.bytes / sizeof(T)));
  }
  return reinterpret_cast<const T*>(taker.hold(value, bytes));
}

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

  [[nodiscard]] const float* take(BufferTaker& taker) const {
    return take_values<float>(taker, values, path + ".data", static_cast<std::uint64_t>(rows) * cols);
  }
};

bool given(const Napi::Value& value) { return !value.IsUndefined() && !value.IsNull(); }

/** Memory for a result, handed to JavaScript without a copy. */
template <typename T>
class Result {
 public:
  explicit Result(std::size_t count) : count_(count) {
    host_bytes(checked_product({count, sizeof(T)}), "the result");
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
Napi::Value in_background(Napi::Env env, BufferTaker& taker, Work&& work) {
  Environment& environment = Environment::of(env);
  return environment.begin(std::move(taker.pins), [&](const Ticket& ticket) {
    environment.general().post(
        [work = std::forward<Work>(work), memory = std::move(taker.memory), ticket]() mutable {
          try {
            auto made = work();
            memory.clear();
            ticket.resolve(std::move(made));
          } catch (...) {
            ticket.reject(std::current_exception());
          }
        });
  });
}

}  // namespace

Napi::Value nearest_rows_call(const Napi::CallbackInfo& info) {
  return promised(info.Env(), [&]() -> Napi::Value {
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
    BufferTaker taker(info.Env());
    const float* query_values = queries.take(taker);
    const float* reference_values = reference.take(taker);
    const float* weight_values =
        given(weights) ? take_values<float>(taker, weights, "request.weights", reference.rows) : nullptr;
    const std::int32_t* part_values =
        given(parts) ? take_values<std::int32_t>(taker, parts, "request.partOf", reference.rows) : nullptr;
    return in_background(info.Env(), taker,
                         [query_values, reference_values, weight_values, part_values, kept, m = queries.rows,
                          n = reference.rows, d = queries.cols]() -> MakeResult {
                           auto indices = std::make_shared<Result<std::int32_t>>(m * kept);
                           nearest_rows({{query_values, m, d},
                                         {reference_values, n, d},
                                         kept,
                                         weight_values,
                                         part_values},
                                        indices->data(), engine_pool());
                           return [indices](Napi::Env env) { return indices->hand_over(env); };
                         });
  });
}

Napi::Value transform_rows_call(const Napi::CallbackInfo& info) {
  return promised(info.Env(), [&]() -> Napi::Value {
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
    BufferTaker taker(info.Env());
    const float* values = rows.take(taker);
    const double* origins = take_values<double>(taker, origin, "request.origin", rows.cols);
    const double* factors =
        take_values<double>(taker, factor, "request.factor", static_cast<std::uint64_t>(rank) * rows.cols);
    return in_background(info.Env(), taker,
                         [values, origins, factors, rank, triangular, m = rows.rows, d = rows.cols]() -> MakeResult {
                           auto result = std::make_shared<Result<double>>(m * rank);
                           transform_rows({{values, m, d}, origins, factors, rank, triangular},
                                          result->data(), engine_pool());
                           return [result](Napi::Env env) { return result->hand_over(env); };
                         });
  });
}

Napi::Value moment_sums_call(const Napi::CallbackInfo& info) {
  return promised(info.Env(), [&]() -> Napi::Value {
    const Fields fields(info[0], "request");
    const Rows rows(fields, "rows");
    const Napi::Value origin = fields.raw("origin");
    BufferTaker taker(info.Env());
    const float* values = rows.take(taker);
    const double* origins = take_values<double>(taker, origin, "request.origin", rows.cols);
    return in_background(info.Env(), taker, [values, origins, n = rows.rows, d = rows.cols]() -> MakeResult {
      struct Sums {
        Result<double> first, second, third;
        double fourth = 0;
        explicit Sums(std::size_t cols) : first(cols), second(cols * cols), third(cols) {}
      };
      auto sums = std::make_shared<Sums>(d);
      MomentSums parts{sums->first.data(), sums->second.data(), sums->third.data(), 0};
      moment_sums({values, n, d}, origins, parts, engine_pool());
      sums->fourth = parts.fourth;
      return [sums, n](Napi::Env env) -> Napi::Value {
        Napi::Object object = Napi::Object::New(env);
        set(object, "count", static_cast<double>(n));
        set(object, "first", sums->first.hand_over(env));
        set(object, "second", sums->second.hand_over(env));
        set(object, "third", sums->third.hand_over(env));
        set(object, "fourth", sums->fourth);
        return object;
      };
    });
  });
}

}  // namespace hazure
