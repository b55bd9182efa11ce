#include "icc.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string_view>
#include <vector>

namespace hazure {
namespace {

using Bytes = std::span<const std::uint8_t>;
using Matrix = std::array<std::array<double, 3>, 3>;

constexpr std::size_t kHeaderBytes = 128;
constexpr std::uint32_t kMostTags = 100;
/** One, in the fixed point of the middle stage. */
constexpr int kOne = 16384;
constexpr std::size_t kMostCurvePoints = 65'530;

std::uint32_t u16(Bytes bytes, std::size_t at) { return bytes[at] * 256U + bytes[at + 1]; }
std::uint32_t u32(Bytes bytes, std::size_t at) { return u16(bytes, at) * 65536U + u16(bytes, at + 2); }
double fixed16(Bytes bytes, std::size_t at) { return static_cast<std::int32_t>(u32(bytes, at)) / 65536.0; }
bool says(Bytes bytes, std::size_t at, std::string_view word) {
  return at + word.size() <= bytes.size() && std::memcmp(bytes.data() + at, word.data(), word.size()) == 0;
}

std::int32_t to_fixed14(double value) { return static_cast<std::int32_t>(std::floor(value * kOne + 0.5)); }
std::uint16_t to_word(double value) {
  return static_cast<std::uint16_t>(std::clamp(std::floor(value + 0.5), 0.0, 65535.0));
}

/** ICC.1:2010, 10.16, function type 3, with which sRGB is defined (IEC 61966-2-1). */
struct Parametric {
  double g = 1;
  double a = 1;
  double b = 0;
  double c = 0;
  double d = 0;

  [[nodiscard]] double forward(double x) const { return x >= d ? std::pow(std::max(a * x + b, 0.0), g) : c * x; }
  [[nodiscard]] double inverse(double y) const {
    return y >= std::pow(std::max(a * d + b, 0.0), g) ? (std::pow(y, 1.0 / g) - b) / a : y / c;
  }
};

/** The parameters and primaries of libvips' own sRGB profile, to which it converts. */
constexpr Parametric kSrgb{2.4000396728515625, 0.9478607177734375, 0.0521392822265625, 0.077392578125,
                           0.0404510498046875};
constexpr Matrix kSrgbToPcs{{{0.43603515625, 0.385101318359375, 0.14306640625},
                             {0.222442626953125, 0.7169342041015625, 0.0606231689453125},
                             {0.0139007568359375, 0.097076416015625, 0.71392822265625}}};

/** 16-bit points, read between them in whole numbers. */
std::uint16_t interpolate(const std::vector<std::uint16_t>& points, std::uint16_t at) {
  const auto last = static_cast<std::uint32_t>(points.size() - 1);
  if (at == 0xFFFF) return points[last];
  const std::uint32_t product = last * at;
  const std::uint32_t position = product + (product + 0x7FFF) / 0xFFFF;
  const std::uint32_t cell = position >> 16;
  const std::uint32_t rest = position & 0xFFFF;
  const std::uint32_t low = points[cell];
  const std::uint32_t high = points[std::min(cell + 1, last)];
  return static_cast<std::uint16_t>((((high - low) * rest + 0x8000U) >> 16) + low);
}

using Curve = std::array<std::int32_t, 256>;

template <typename Function>
Curve sample(Function&& function) {
  Curve curve{};
  for (int i = 0; i < 256; ++i) {
    const double value = function(static_cast<float>(i / 255.0));
    curve[static_cast<std::size_t>(i)] = to_fixed14(static_cast<float>(value));
  }
  return curve;
}

std::optional<Curve> curve_of(Bytes tag) {
  if (tag.size() < 12) return std::nullopt;
  if (says(tag, 0, "curv")) {
    const std::size_t count = u32(tag, 8);
    if (count > kMostCurvePoints || tag.size() < 12 + 2 * count) return std::nullopt;
    if (count == 0) return sample([](double x) { return x; });
    if (count == 1) {
      const double gamma = u16(tag, 12) / 256.0;
      if (gamma <= 0) return std::nullopt;
      return sample([gamma](double x) { return std::pow(x, gamma); });
    }
    std::vector<std::uint16_t> points(count);
    for (std::size_t i = 0; i < count; ++i) points[i] = static_cast<std::uint16_t>(u16(tag, 12 + 2 * i));
    if (!std::is_sorted(points.begin(), points.end())) return std::nullopt;
    return sample([&](double x) { return static_cast<float>(interpolate(points, to_word(x * 65535.0)) / 65535.0); });
  }
  if (!says(tag, 0, "para")) return std::nullopt;
  const std::uint32_t type = u16(tag, 8);
  if (type == 0 && tag.size() >= 16) {
    const double gamma = fixed16(tag, 12);
    if (gamma <= 0) return std::nullopt;
    return sample([gamma](double x) { return std::pow(x, gamma); });
  }
  if (type != 3 || tag.size() < 32) return std::nullopt;
  const Parametric curve{fixed16(tag, 12), fixed16(tag, 16), fixed16(tag, 20), fixed16(tag, 24), fixed16(tag, 28)};
  if (curve.g <= 0 || curve.a <= 0 || curve.c <= 0 || curve.d <= 0 || curve.d >= 1) return std::nullopt;
  return sample([&](double x) { return curve.forward(x); });
}

/** The tags that matter of one profile. */
class Profile {
 public:
  explicit Profile(Bytes bytes) : bytes_(bytes) {}

  /** Whether it is of the kind, with nothing that a colour engine would prefer to the matrix. */
  [[nodiscard]] bool plain() const {
    if (bytes_.size() < kHeaderBytes + 4 || u32(bytes_, 0) != bytes_.size() || !says(bytes_, 36, "acsp")) return false;
    const bool version = bytes_[8] == 2 || bytes_[8] == 4;
    const bool device = says(bytes_, 12, "mntr") || says(bytes_, 12, "scnr");
    if (!version || !device || !is_rgb_profile(bytes_) || !says(bytes_, 20, "XYZ ")) return false;
    const std::uint32_t tags = u32(bytes_, kHeaderBytes);
    if (tags > kMostTags || bytes_.size() < kHeaderBytes + 4 + std::size_t{12} * tags) return false;
    for (std::uint32_t i = 0; i < tags; ++i) {
      const std::size_t at = entry(i);
      if (says(bytes_, at, "A2B") || says(bytes_, at, "D2B")) return false;
      const std::size_t offset = u32(bytes_, at + 4);
      if (offset > bytes_.size() || u32(bytes_, at + 8) > bytes_.size() - offset) return false;
    }
    return true;
  }

  /** The only tag of that name; empty where there is none or several. */
  [[nodiscard]] Bytes tag(std::string_view name) const {
    Bytes found;
    for (std::uint32_t i = 0; i < u32(bytes_, kHeaderBytes); ++i) {
      const std::size_t at = entry(i);
      if (!says(bytes_, at, name)) continue;
      if (!found.empty()) return {};
      found = bytes_.subspan(u32(bytes_, at + 4), u32(bytes_, at + 8));
    }
    return found;
  }

 private:
  static std::size_t entry(std::uint32_t index) { return kHeaderBytes + 4 + std::size_t{12} * index; }
  Bytes bytes_;
};

std::optional<Matrix> inverse(const Matrix& m) {
  const auto minor = [&](int r0, int c0, int r1, int c1) {
    const auto at = [&](int r, int c) { return m[static_cast<std::size_t>(r)][static_cast<std::size_t>(c)]; };
    return at(r0, c0) * at(r1, c1) - at(r0, c1) * at(r1, c0);
  };
  const double c0 = minor(1, 1, 2, 2);
  const double c1 = -minor(1, 0, 2, 2);
  const double c2 = minor(1, 0, 2, 1);
  const double determinant = m[0][0] * c0 + m[0][1] * c1 + m[0][2] * c2;
  if (std::abs(determinant) < 1e-4) return std::nullopt;
  return Matrix{{{c0 / determinant, -minor(0, 1, 2, 2) / determinant, minor(0, 1, 1, 2) / determinant},
                 {c1 / determinant, minor(0, 0, 2, 2) / determinant, -minor(0, 0, 1, 2) / determinant},
                 {c2 / determinant, -minor(0, 0, 2, 1) / determinant, minor(0, 0, 1, 1) / determinant}}};
}

/** The inverse curve of sRGB over 0…kOne, as bytes. */
const std::array<std::uint8_t, kOne + 1>& srgb_bytes() {
  static const auto table = [] {
    std::array<std::uint8_t, kOne + 1> bytes{};
    for (int i = 0; i <= kOne; ++i) {
      const auto value = static_cast<float>(kSrgb.inverse(static_cast<float>(i / double{kOne})));
      const std::uint32_t word = to_word(std::clamp(value, 0.0F, 1.0F) * 65535.0);
      bytes[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>((word * 65281U + 8388608U) >> 24);
    }
    return bytes;
  }();
  return table;
}

constexpr std::size_t kRun = 256;
using Run = std::array<std::array<std::int32_t, kRun>, 3>;

// Whole numbers: the same result at any instruction set.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__linux__)
__attribute__((target_clones("default", "arch=x86-64-v3")))
#endif
void mix(const Run& in, const std::array<std::array<std::int32_t, 3>, 3>& matrix, Run& out) {
  for (std::size_t c = 0; c < 3; ++c) {
    const std::int32_t x = matrix[c][0];
    const std::int32_t y = matrix[c][1];
    const std::int32_t z = matrix[c][2];
    for (std::size_t i = 0; i < kRun; ++i) {
      const std::int32_t sum = (x * in[0][i] + y * in[1][i] + z * in[2][i] + 0x2000) >> 14;
      out[c][i] = sum < 0 ? 0 : (sum > kOne ? kOne : sum);
    }
  }
}

}  // namespace

bool is_rgb_profile(Bytes profile) { return says(profile, 16, "RGB "); }

std::optional<ColourTransform> ColourTransform::from_profile(Bytes bytes) {
  const Profile profile(bytes);
  if (!profile.plain()) return std::nullopt;
  ColourTransform transform;
  Matrix to_pcs{};
  static constexpr std::array<std::string_view, 3> colorants{"rXYZ", "gXYZ", "bXYZ"};
  static constexpr std::array<std::string_view, 3> curves{"rTRC", "gTRC", "bTRC"};
  for (std::size_t channel = 0; channel < 3; ++channel) {
    const Bytes xyz = profile.tag(colorants[channel]);
    if (xyz.size() < 20 || !says(xyz, 0, "XYZ ")) return std::nullopt;
    for (std::size_t axis = 0; axis < 3; ++axis) to_pcs[axis][channel] = fixed16(xyz, 8 + 4 * axis);
    const auto curve = curve_of(profile.tag(curves[channel]));
    // A black that is lifted takes black point compensation along, which is not done here.
    if (!curve || curve->front() != 0) return std::nullopt;
    transform.linear_[channel] = *curve;
  }
  static const Matrix from_pcs = *inverse(kSrgbToPcs);
  if (!inverse(to_pcs)) return std::nullopt;
  for (std::size_t row = 0; row < 3; ++row) {
    for (std::size_t column = 0; column < 3; ++column) {
      double sum = 0;
      for (std::size_t k = 0; k < 3; ++k) sum += from_pcs[row][k] * to_pcs[k][column];
      if (std::abs(sum) > 16) return std::nullopt;  // keeps what follows within 32 bits
      transform.matrix_[row][column] = to_fixed14(sum);
    }
  }
  return transform;
}

void ColourTransform::apply(std::uint8_t* pixels, std::size_t count) const {
  const std::uint8_t* encode = srgb_bytes().data();
  Run in{};
  Run out;
  for (std::size_t from = 0; from < count; from += kRun) {
    const std::size_t run = std::min(kRun, count - from);
    std::uint8_t* rgb = pixels + 3 * from;
    for (std::size_t i = 0; i < run; ++i) {
      for (std::size_t c = 0; c < 3; ++c) in[c][i] = linear_[c][rgb[3 * i + c]];
    }
    mix(in, matrix_, out);
    for (std::size_t i = 0; i < run; ++i) {
      for (std::size_t c = 0; c < 3; ++c) rgb[3 * i + c] = encode[out[c][i]];
    }
  }
}

}  // namespace hazure
