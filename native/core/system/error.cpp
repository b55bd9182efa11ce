#include "hazure/error.hpp"

namespace hazure {
namespace {

std::string with_items(const std::string& cause, const std::vector<std::size_t>& items) {
  constexpr std::size_t most = 8;
  if (items.size() == 1) return "item " + std::to_string(items.front()) + " of the batch: " + cause;
  std::string text;
  for (std::size_t i = 0; i < items.size() && i < most; ++i) text += (i == 0 ? "" : ", ") + std::to_string(items[i]);
  if (items.size() > most) text += " and " + std::to_string(items.size() - most) + " more";
  return "items " + text + " of the batch: " + cause;
}

}  // namespace

ItemError::ItemError(ErrorKind kind, const std::string& cause, const std::string& hint, std::vector<std::size_t> items)
    : Error(kind, with_items(cause, items), hint), cause_(cause), items_(std::move(items)) {}

ItemError ItemError::in_batch(std::size_t first) const {
  std::vector<std::size_t> items = items_;
  for (std::size_t& item : items) item += first;
  return {kind(), cause_, hint(), std::move(items)};
}

}  // namespace hazure
