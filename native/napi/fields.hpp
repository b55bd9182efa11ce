#pragma once

#include <napi.h>

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace hazure {

/** Longest list of images, regions or sources in one call. */
inline constexpr std::uint32_t kMostItems = 65'536;
/** Longest of the lists that a model or a spec needs: strides, names, dims. */
inline constexpr std::uint32_t kMostNames = 4096;
/** Longest text, in bytes of UTF-8. */
inline constexpr std::size_t kMostText = 65'536;

/**
 * Reads the fields of a JavaScript object. The one place that words argument errors: each names the field by its
 * path, what was expected and what came (Failure INPUT_INVALID). Each property is asked for once, however often it is
 * read here: a getter that answers differently the second time has no second time. Part of a call's reading phase.
 */
class Fields {
 public:
  /** @param path what the object is called in messages, e.g. `config.preprocess` */
  Fields(Napi::Value value, std::string path);

  [[nodiscard]] bool has(const char* name) const { return !raw(name).IsUndefined(); }
  [[nodiscard]] Napi::Value raw(const char* name) const;
  [[nodiscard]] std::string path_of(const char* name) const { return path_ + "." + name; }

  [[nodiscard]] std::string text(const char* name) const;
  [[nodiscard]] double number(const char* name) const;
  [[nodiscard]] bool flag(const char* name) const;
  /** A whole number of min…max. */
  [[nodiscard]] std::int64_t whole(const char* name, std::int64_t min, std::int64_t max) const;
  [[nodiscard]] std::array<float, 3> triple(const char* name) const;
  [[nodiscard]] std::vector<int> whole_list(const char* name, int min, int max,
                                            std::uint32_t most = kMostNames) const;
  [[nodiscard]] std::vector<std::string> text_list(const char* name) const;
  [[nodiscard]] Fields object(const char* name) const { return {raw(name), path_of(name)}; }

  /** The value that belongs to one of the words allowed. */
  template <typename T, std::size_t N>
  [[nodiscard]] T word(const char* name, const std::array<std::pair<const char*, T>, N>& words) const {
    const std::string came = text(name);
    std::string allowed;
    for (const auto& [key, value] : words) {
      if (came == key) return value;
      allowed += (allowed.empty() ? "" : ", ") + std::string(key);
    }
    refuse(name, "one of " + allowed, quoted(came));
  }

  /** Refuses an own key that is none of these, so that a misspelt option is not taken for its default. */
  void only(std::initializer_list<const char*> known) const;

  [[noreturn]] void refuse(const char* name, const std::string& expected, const std::string& came) const;

  /** A text in quotes, cut where it is long. */
  static std::string quoted(const std::string& text);

 private:
  Napi::Value object_;
  std::string path_;
  mutable std::vector<std::pair<const char*, Napi::Value>> read_;
};

/** `undefined`, `a string`, `3.5` …: what a value is, for messages. Runs no JavaScript. */
std::string kind_of(const Napi::Value& value);

[[noreturn]] void refuse_argument(const std::string& path, const std::string& expected, const std::string& came);

/** A string without NUL, which would cut it short in the C interfaces behind, and of at most kMostText bytes. */
std::string text_of(const Napi::Value& value, const std::string& path);

/** The elements that an array of at most `most` has when it is first looked at, each read once. */
std::vector<Napi::Value> elements_of(const Napi::Value& value, const std::string& path, std::uint32_t most);

/** The own enumerable keys of an object. */
std::vector<Napi::Value> keys_of(const Napi::Value& value, const std::string& path);

/** The value of an object's key. */
Napi::Value property_of(const Napi::Value& object, const Napi::Value& key);

}  // namespace hazure
