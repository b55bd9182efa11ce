#include "hazure/engine/worker.hpp"

#include <pthread.h>

#include <utility>

namespace hazure {

Worker::Worker(const char* name) : name_(name) { grow(1); }

Worker::~Worker() { stop(); }

void Worker::grow(int threads) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  while (static_cast<int>(threads_.size()) < threads) {
    threads_.emplace_back([this] { loop(); });
#ifdef __linux__
    pthread_setname_np(threads_.back().native_handle(), name_);
#endif
  }
}

void Worker::enqueue(Task task) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    tasks_.push_back(std::move(task));
  }
  wake_.notify_one();
}

void Worker::stop() {
  std::deque<Task> dropped;
  std::vector<std::thread> ending;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    dropped.swap(tasks_);
    ending.swap(threads_);
  }
  wake_.notify_all();
  for (std::thread& thread : ending) thread.join();
}

void Worker::loop() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
    if (stopping_) return;
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
    task = Task();  // what it captured goes before the next wait
    lock.lock();
  }
}

}  // namespace hazure
