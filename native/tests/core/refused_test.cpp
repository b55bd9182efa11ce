#include <limits>

#include "check.hpp"
#include "hazure/detections.hpp"
#include "hazure/nms.hpp"
#include "hazure/preprocess.hpp"
#include "picture.hpp"

using namespace hazure;

namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Preprocessing {
  testing::Picture picture = testing::make_picture("ramp", 8, 6, 1);
  Region region{picture.view(), std::nullopt};
  PreprocessSpec spec;
  std::vector<float> out = std::vector<float>(3 * 16 * 16, -7.0F);
  ThreadPool pool{1};

  Preprocessing() { spec.width_px = spec.height_px = 16; }
  void run() { preprocess_batch({&region, 1}, spec, out.data(), nullptr, pool); }
};

/** One anchor of one class: cx cy w h score. */
struct Decoding {
  std::vector<float> data{5, 5, 4, 4, 0.9F};
  std::vector<std::int64_t> dims{1, 5, 1};
  HeadSpec head = Yolov8Head{1};
  DetectOptions options;
  DetectionSource source{16, 16, {}};
  std::string name = "output0";
  int outputs = 1;
  int width = 16;
  ThreadPool pool{1};
  std::vector<std::vector<Detection>> results;

  void run() {
    const std::vector<TensorView> views(std::size_t(outputs), TensorView{name, dims, data.data()});
    decode_detections(head, views, width, 16, {&source, 1}, options, results, pool);
  }
};

}  // namespace

TEST(refused, images) {
  Preprocessing p;
  p.run();
  p.region.image.data = nullptr;
  CHECK_REFUSED(kInput, "without pixels", p.run());
  p.region.image = {p.picture.pixels.data(), 0, 6, 0};
  CHECK_REFUSED(kInput, "0×6", p.run());
  p.region.image = {p.picture.pixels.data(), 8, -1, 0};
  CHECK_REFUSED(kInput, "8×-1", p.run());
  p.region.image = {p.picture.pixels.data(), kMaxSidePx + 1, 6, 0};
  CHECK_REFUSED(kInput, "65501", p.run());
  p.region.image = {p.picture.pixels.data(), 8, 6, 23};
  CHECK_REFUSED(kInput, "at least 24 bytes", p.run());
}

TEST(refused, boxes) {
  Preprocessing p;
  const auto with = [&](PixelBox box) {
    p.region.box = box;
    p.run();
  };
  CHECK_REFUSED(kInput, "finite", with({0, 0, double(kNan), 4}));
  CHECK_REFUSED(kInput, "finite", with({0, -kInfinity, 4, 4}));
  CHECK_REFUSED(kInput, "x1 < x2", with({4, 0, 4, 4}));
  CHECK_REFUSED(kInput, "x1 < x2", with({0, 5, 4, 4}));
  CHECK_REFUSED(kInput, "no pixel", with({8, 0, 12, 4}));
  CHECK_REFUSED(kInput, "no pixel", with({0, -9, 4, -2}));
}

TEST(refused, specs) {
  const auto with = [](auto change) {
    Preprocessing p;
    change(p.spec);
    p.run();
  };
  CHECK_REFUSED(kInput, "0×16", with([](PreprocessSpec& s) { s.width_px = 0; }));
  CHECK_REFUSED(kInput, "16×100000", with([](PreprocessSpec& s) { s.height_px = 100'000; }));
  CHECK_REFUSED(kInput, "std", with([](PreprocessSpec& s) { s.std[1] = 0; }));
  CHECK_REFUSED(kInput, "std", with([](PreprocessSpec& s) { s.std[2] = kNan; }));
  CHECK_REFUSED(kInput, "mean", with([](PreprocessSpec& s) { s.mean[0] = kNan; }));
  CHECK_REFUSED(kInput, "scale", with([](PreprocessSpec& s) { s.scale = kNan; }));
  CHECK_REFUSED(kInput, "padValue", with([](PreprocessSpec& s) { s.pad_value = 256; }));
  CHECK_REFUSED(kInput, "padValue", with([](PreprocessSpec& s) { s.pad_value = kNan; }));
  CHECK_REFUSED(kInput, "resizeShortestPx", with([](PreprocessSpec& s) {
                  s.fit = FitMode::kCentreCrop;
                  s.resize_shortest_px = 15;
                }));
  Preprocessing p;
  CHECK_REFUSED(kInput, "output buffer", preprocess_batch({&p.region, 1}, p.spec, nullptr, nullptr, p.pool));
  CHECK_REFUSED(kInput, "not empty", placement_of({3, 3, 3, 9}, p.spec));
}

TEST(refused, a_sliver_that_a_centre_crop_would_blow_up) {
  Preprocessing p;
  const testing::Picture sliver = testing::make_picture("ramp", 60'000, 1, 1);
  p.region.image = sliver.view();
  p.spec.fit = FitMode::kCentreCrop;
  p.spec.resize_shortest_px = 60'000;
  CHECK_REFUSED(kInput, "too narrow", p.run());
}

TEST(refused, one_bad_region_leaves_the_output_untouched) {
  Preprocessing p;
  p.out.resize(2 * p.out.size(), -7.0F);
  std::vector<Region> regions{p.region, p.region};
  regions[1].box = PixelBox{100, 100, 110, 110};
  CHECK_REFUSED(kInput, "no pixel", preprocess_batch(regions, p.spec, p.out.data(), nullptr, p.pool));
  for (const float value : p.out) CHECK_EQ(value, -7.0F);
}

TEST(refused, detection_options) {
  const auto with = [](auto change) {
    Decoding d;
    change(d);
    d.run();
  };
  with([](Decoding&) {});
  CHECK_REFUSED(kInput, "confidence", with([](Decoding& d) { d.options.confidence = kNan; }));
  CHECK_REFUSED(kInput, "confidence", with([](Decoding& d) { d.options.confidence = 1.5F; }));
  CHECK_REFUSED(kInput, "iou", with([](Decoding& d) { d.options.iou = -0.1F; }));
  CHECK_REFUSED(kInput, "maxDetections", with([](Decoding& d) { d.options.max_detections = 0; }));
  CHECK_REFUSED(kInput, "class ids", with([](Decoding& d) { d.options.class_ids = {{1}}; }));
  CHECK_REFUSED(kInput, "class ids", with([](Decoding& d) { d.options.class_ids = {{-1}}; }));
  CHECK_REFUSED(kInput, "source 0", with([](Decoding& d) { d.source.width_px = 0; }));
  CHECK_REFUSED(kInput, "source 0", with([](Decoding& d) { d.source.placement.scale_x = 0; }));
  CHECK_REFUSED(kInput, "source 0", with([](Decoding& d) { d.source.placement.offset_y = kInfinity; }));
  CHECK_REFUSED(kInput, "model input", with([](Decoding& d) { d.width = 0; }));
  CHECK_REFUSED(kInput, "classes", with([](Decoding& d) { d.head = Yolov8Head{0}; }));
}

TEST(refused, an_empty_class_list_finds_nothing) {
  Decoding d;
  d.options.class_ids = std::vector<int>{};
  d.run();
  CHECK_EQ(d.results[0].size(), 0U);
}

TEST(refused, model_outputs) {
  const auto with = [](auto change) {
    Decoding d;
    change(d);
    d.run();
  };
  CHECK_REFUSED(kModel, "NaN", with([](Decoding& d) { d.data[4] = kNan; }));
  CHECK_REFUSED(kModel, "infinite", with([](Decoding& d) { d.data[2] = std::numeric_limits<float>::infinity(); }));
  CHECK_REFUSED(kModel, "sigmoid", with([](Decoding& d) { d.data[4] = 7; }));
  CHECK_REFUSED(kModel, "[1, 5, 1]", with([](Decoding& d) { d.head = Yolov8Head{2}; }));
  CHECK_REFUSED(kModel, "[5, 1]", with([](Decoding& d) { d.dims = {5, 1}; }));
  CHECK_REFUSED(kModel, "batch of 1", with([](Decoding& d) { d.dims = {0, 5, 1}; }));
  CHECK_REFUSED(kModel, "the model has 2", with([](Decoding& d) { d.outputs = 2; }));
  CHECK_REFUSED(kModel, "logits", with([](Decoding& d) { d.head = DetrHead{1, "logits", "boxes"}; }));
  CHECK_REFUSED(kModel, "[N, 5, 5 + classes]", with([](Decoding& d) { d.head = YoloxHead{1, {8, 16}}; }));
}

TEST(refused, heads) {
  const auto with = [](HeadSpec head) {
    Decoding d;
    d.head = std::move(head);
    d.run();
  };
  CHECK_REFUSED(kInput, "strides", with(YoloxHead{1, {}}));
  CHECK_REFUSED(kInput, "multiple of stride 32", with(YoloxHead{1, {8, 32}}));
  CHECK_REFUSED(kInput, "at least 1", with(YoloxHead{1, {0}}));
  CHECK_REFUSED(kInput, "per stride", with(NanodetHead{1, {8}, 7, {}, {}}));
  CHECK_REFUSED(kInput, "regMax", with(NanodetHead{1, {8}, 0, {"a"}, {"b"}}));
}

TEST(refused, nan_in_any_place_of_any_score_is_found) {
  testing::for_each_kernel_set([&](const std::string& isa) {
    ThreadPool pool(1);
    const int classes = 37;
    const int anchors = 130;
    for (int place = 0; place < classes * anchors; place += 7) {
      std::vector<float> data(std::size_t((4 + classes) * anchors), 0.01F);
      data[std::size_t(4 * anchors + place)] = kNan;
      const std::vector<std::int64_t> dims{1, 4 + classes, anchors};
      const TensorView view{"o", dims, data.data()};
      const DetectionSource source{16, 16, {}};
      std::vector<std::vector<Detection>> results;
      CHECK_REFUSED(kModel, "NaN", decode_detections(Yolov8Head{classes}, {&view, 1}, 16, 16, {&source, 1}, {}, results, pool));

      std::vector<float> logits(std::size_t(classes * anchors), -3.0F);
      logits[std::size_t(place)] = kNan;
      const std::vector<float> boxes(std::size_t(4 * anchors), 0.5F);
      const std::vector<std::int64_t> logit_dims{1, anchors, classes};
      const std::vector<std::int64_t> box_dims{1, anchors, 4};
      const TensorView views[2] = {{"l", logit_dims, logits.data()}, {"b", box_dims, boxes.data()}};
      CHECK_REFUSED(kModel, "NaN", decode_detections(DetrHead{classes, "l", "b"}, views, 16, 16, {&source, 1}, {}, results, pool));
    }
    CHECK(!isa.empty());
  });
}

TEST(refused, nms_columns) {
  std::vector<float> ones{1, 1}, twos{2, 2};
  std::vector<std::int32_t> ids{0, 0};
  std::vector<std::int32_t> kept;
  const auto run = [&](float iou) { class_aware_nms({ones, ones, twos, twos, ones, ids}, iou, 5, kept); };
  run(0.5F);
  CHECK_REFUSED(kInput, "iou", run(kNan));
  CHECK_REFUSED(kInput, "iou", run(2));
  ids[1] = -1;
  CHECK_REFUSED(kInput, "box 1", run(0.5F));
  ids[1] = 1 << 30;
  CHECK_REFUSED(kInput, "box 1", run(0.5F));
  ids[1] = 0;
  twos[0] = kNan;
  CHECK_REFUSED(kInput, "box 0", run(0.5F));
  twos.pop_back();
  CHECK_REFUSED(kInput, "one length", run(0.5F));
}
