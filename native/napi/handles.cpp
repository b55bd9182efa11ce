#include "handles.hpp"

#include <array>

#include "border.hpp"
#include "fields.hpp"
#include "hazure/engine/failure.hpp"

namespace hazure {
namespace {

struct KindFacts {
  HandleKind kind;
  const char* title;
  napi_type_tag tag;
};

// Random 128-bit tags; an object without the right one is never unwrapped.
constexpr std::array<KindFacts, 3> kKinds{{
    {HandleKind::kSession, "a session", {0x6b0f3c1d8a5e4f27ULL, 0x9d2e71c45ab3f860ULL}},
    {HandleKind::kDetector, "a detector", {0x1f84d2b96c7a4e03ULL, 0xb5c90e6837d1fa42ULL}},
    {HandleKind::kEmbedder, "an embedder", {0xe37a915c20f84bd6ULL, 0x8416fd3b9ce2a075ULL}},
}};

struct Held {
  std::shared_ptr<EngineObject> object;
  Environment* environment;
  std::shared_ptr<Channel> channel;
};

Held* held_by(const Napi::Value& value, const KindFacts& facts) {
  bool tagged = false;
  if (!value.IsObject() || napi_check_object_type_tag(value.Env(), value, &facts.tag, &tagged) != napi_ok || !tagged) {
    return nullptr;
  }
  void* data = nullptr;
  if (napi_unwrap(value.Env(), value, &data) != napi_ok) return nullptr;
  auto* held = static_cast<Held*>(data);
  // Of another instance of the addon in this thread: its calls are settled elsewhere.
  return held->environment == &Environment::of(value.Env()) ? held : nullptr;
}

}  // namespace

Napi::Object make_handle(Napi::Env env, HandleKind kind, std::shared_ptr<EngineObject> object) {
  const KindFacts& facts = kKinds[static_cast<std::size_t>(kind)];
  napi_value handle = nullptr;
  check(env, napi_create_object(env, &handle), "a handle");
  check(env, napi_type_tag_object(env, handle, &facts.tag), "a handle's tag");
  Environment& environment = Environment::of(env);
  auto held = std::make_unique<Held>(Held{std::move(object), &environment, environment.channel()});
  const auto finalize = [](napi_env, void* data, void*) {
    const std::unique_ptr<Held> lost(static_cast<Held*>(data));
    if (lost->object && lost->channel->open()) lost->environment->abandon(lost->object);
  };
  check(env, napi_wrap(env, handle, held.get(), finalize, nullptr, nullptr), "a handle's model");
  held.release();
  check(env, napi_object_freeze(env, handle), "freezing a handle");
  return {env, handle};
}

std::shared_ptr<EngineObject> open_handle(const Napi::Value& value, HandleKind kind) {
  BorderCall::take();
  const KindFacts& facts = kKinds[static_cast<std::size_t>(kind)];
  const Held* held = held_by(value, facts);
  if (held == nullptr) refuse_argument("handle", std::string("the handle of ") + facts.title, kind_of(value));
  if (!held->object) refuse_argument("handle", std::string(facts.title) + " that is open", "one that was closed");
  return held->object;
}

std::shared_ptr<EngineObject> take_handle(const Napi::Value& value) {
  BorderCall::take();
  for (const KindFacts& facts : kKinds) {
    if (Held* held = held_by(value, facts)) return std::move(held->object);
  }
  refuse_argument("handle", "the handle of a session, detector or embedder", kind_of(value));
}

}  // namespace hazure
