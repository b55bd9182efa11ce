#include "hazure/engine/worker.hpp"

#include <pthread.h>

#include <utility>

namespace hazure {

Worker::Worker(const char* name) : thread_([this] { loop(); }) {
#ifdef __linux__
  pthread_setname_np(thread_.native_handle(), name);
#else
  (void)name;
#endif
}

Worker::~Worker() { stop(); }

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
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    dropped.swap(tasks_);
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
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
