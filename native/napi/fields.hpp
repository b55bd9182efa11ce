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

/**
 * Reads the fields of a JavaScript object. The one place that words argument errors: each names the field by its
 * path, what was expected and what came (Failure INPUT_INVALID).
 */
class Fields {
 public:
  /** @param path what the object is called in messages, e.g. `config.preprocess` */
  Fields(Napi::Value value, std::string path);

  [[nodiscard]] bool has(const char* name) const;
  [[nodiscard]] Napi::Value raw(const char* name) const { return object_.Get(name); }
  [[nodiscard]] std::string path_of(const char* name) const { return path_ + "." + name; }

  [[nodiscard]] std::string text(const char* name) const;
  [[nodiscard]] double number(const char* name) const;
  [[nodiscard]] bool flag(const char* name) const;
  /** A whole number of min…max. */
  [[nodiscard]] std::int64_t whole(const char* name, std::int64_t min, std::int64_t max) const;
  [[nodiscard]] std::array<float, 3> triple(const char* name) const;
  [[nodiscard]] std::vector<int> whole_list(const char* name, int min, int max) const;
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
    refuse(name, "one of " + allowed, "'" + came + "'");
  }

  /** Refuses a key that is none of these, so that a misspelt option is not taken for its default. */
  void only(std::initializer_list<const char*> known) const;

  [[noreturn]] void refuse(const char* name, const std::string& expected, const std::string& came) const;

 private:
  Napi::Object object_;
  std::string path_;
};

/** `undefined`, `a string`, `3.5` …: what a value is, for messages. */
std::string kind_of(const Napi::Value& value);

[[noreturn]] void refuse_argument(const std::string& path, const std::string& expected, const std::string& came);

/** The elements of an array. */
std::vector<Napi::Value> elements_of(Napi::Value value, const std::string& path);

}  // namespace hazure
