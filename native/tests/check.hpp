#pragma once

#include <cmath>
#include <cstdio>
#include <cstring>
#include <exception>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "hazure/error.hpp"

// A test harness of one page. A test is `TEST(suite, name) { CHECK(...); }`; the first failing check ends it.
// `hazure_tests [suite]` runs one suite or all; exit status 0 passed, 1 failed, 77 all skipped.
namespace check {

struct Failure {
  std::string text;
};
struct Skip {
  std::string reason;
};

struct Case {
  const char* suite;
  const char* name;
  void (*run)();
};

inline std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}

struct Registration {
  Registration(const char* suite, const char* name, void (*run)()) { cases().push_back({suite, name, run}); }
};

template <typename... Parts>
[[noreturn]] void fail(const char* file, int line, const Parts&... parts) {
  std::ostringstream text;
  text.precision(9);
  const char* slash = std::strrchr(file, '/');
  text << (slash != nullptr ? slash + 1 : file) << ':' << line << ": ";
  (text << ... << parts);
  throw Failure{text.str()};
}

inline int run_all(int argc, char** argv) {
  int passed = 0;
  int failed = 0;
  int skipped = 0;
  for (const Case& test : cases()) {
    if (argc > 1 && std::strcmp(argv[1], test.suite) != 0) continue;
    try {
      test.run();
      ++passed;
      continue;
    } catch (const Skip& skip) {
      ++skipped;
      std::printf("skipped  %s / %s: %s\n", test.suite, test.name, skip.reason.c_str());
      continue;
    } catch (const Failure& failure) {
      std::printf("FAILED   %s / %s: %s\n", test.suite, test.name, failure.text.c_str());
    } catch (const std::exception& error) {
      std::printf("FAILED   %s / %s: threw %s\n", test.suite, test.name, error.what());
    }
    ++failed;
  }
  std::printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
  if (failed != 0 || passed + skipped == 0) return 1;
  return passed == 0 ? 77 : 0;
}

}  // namespace check

#define TEST(suite, name)                                                                           \
  static void test_##suite##_##name();                                                              \
  static const check::Registration registration_##suite##_##name(#suite, #name, test_##suite##_##name); \
  static void test_##suite##_##name()

#define SKIP(reason) throw check::Skip{reason}

/** Further arguments are printed when it fails. */
#define CHECK(condition, ...)                                                              \
  do {                                                                                     \
    if (!(condition)) check::fail(__FILE__, __LINE__, "expected " #condition " " __VA_OPT__(, ) __VA_ARGS__); \
  } while (false)

#define CHECK_EQ(came, wanted, ...)                                                        \
  do {                                                                                     \
    const auto& check_came = (came);                                                       \
    const auto& check_wanted = (wanted);                                                   \
    if (!(check_came == check_wanted)) {                                                   \
      check::fail(__FILE__, __LINE__, #came " is ", check_came, ", expected ", check_wanted, " " __VA_OPT__(, ) __VA_ARGS__); \
    }                                                                                      \
  } while (false)

#define CHECK_NEAR(came, wanted, tolerance, ...)                                           \
  do {                                                                                     \
    const double check_came = (came);                                                      \
    const double check_wanted = (wanted);                                                  \
    if (!(std::abs(check_came - check_wanted) <= (tolerance))) {                           \
      check::fail(__FILE__, __LINE__, #came " is ", check_came, ", expected ", check_wanted, " ± ", (tolerance), " " __VA_OPT__(, ) __VA_ARGS__); \
    }                                                                                      \
  } while (false)

/** The statement throws hazure::Error of this kind, its message contains `part`, and it has a hint. */
#define CHECK_REFUSED(error_kind, part, ...)                                               \
  do {                                                                                     \
    bool check_thrown = false;                                                             \
    try {                                                                                  \
      __VA_ARGS__;                                                                         \
    } catch (const hazure::Error& error) {                                                 \
      check_thrown = true;                                                                 \
      CHECK(error.kind() == hazure::ErrorKind::error_kind, "for ", error.what());          \
      CHECK(std::string(error.what()).find(part) != std::string::npos, "in: ", error.what()); \
      CHECK(!error.hint().empty(), "for ", error.what());                                  \
    }                                                                                      \
    CHECK(check_thrown, "from " #__VA_ARGS__);                                             \
  } while (false)
