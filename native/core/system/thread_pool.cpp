#include "hazure/thread_pool.hpp"

#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "hazure/system_info.hpp"

namespace hazure {
namespace {

/** One parallel_for under way; lives on its caller's stack. */
struct Job {
  Job(std::size_t task_count, void (*raw_task)(void*, std::size_t), void* raw_context)
      : count(task_count), task(raw_task), context(raw_context) {}

  const std::size_t count;
  void (*const task)(void*, std::size_t);
  void* const context;
  std::atomic<std::size_t> next{0};
  std::atomic<bool> failed{false};
  // Guarded by the pool's mutex:
  std::size_t helpers = 0;
  std::size_t failed_index = 0;
  std::exception_ptr error;
};

}  // namespace

struct ThreadPool::State {
  std::mutex mutex;
  std::condition_variable work_arrived;
  std::condition_variable helper_left;
  std::vector<Job*> jobs;
  bool stopping = false;
  std::vector<std::thread> workers;

  /** Claims indices in ascending order, so every index below a failing one has been claimed and will finish. */
  void work_on(Job& job) {
    while (!job.failed.load(std::memory_order_relaxed)) {
      const std::size_t index = job.next.fetch_add(1, std::memory_order_relaxed);
      if (index >= job.count) return;
      try {
        job.task(job.context, index);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!job.error || index < job.failed_index) {
          job.error = std::current_exception();
          job.failed_index = index;
        }
        job.failed.store(true, std::memory_order_relaxed);
      }
    }
  }

  Job* open_job() {
    for (Job* job : jobs) {
      if (!job->failed.load(std::memory_order_relaxed) && job->next.load(std::memory_order_relaxed) < job->count) {
        return job;
      }
    }
    return nullptr;
  }

  void worker_loop() {
    std::unique_lock lock(mutex);
    for (;;) {
      Job* job = open_job();
      if (job == nullptr) {
        if (stopping) return;
        work_arrived.wait(lock);
        continue;
      }
      ++job->helpers;
      lock.unlock();
      work_on(*job);
      lock.lock();
      if (--job->helpers == 0) helper_left.notify_all();
    }
  }
};

ThreadPool::ThreadPool(std::size_t threads) : state_(std::make_unique<State>()) {
  const std::size_t wanted = threads != 0 ? threads : static_cast<std::size_t>(usable_cores());
  state_->workers.reserve(wanted - 1);
  for (std::size_t i = 1; i < wanted; ++i) {
    state_->workers.emplace_back([state = state_.get()] { state->worker_loop(); });
  }
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->work_arrived.notify_all();
  for (std::thread& worker : state_->workers) worker.join();
}

std::size_t ThreadPool::size() const noexcept { return state_->workers.size() + 1; }

void ThreadPool::run(std::size_t count, RawTask task, void* context) {
  if (count == 0) return;
  if (count == 1 || state_->workers.empty()) {
    for (std::size_t i = 0; i < count; ++i) task(context, i);
    return;
  }
  Job job(count, task, context);
  {
    const std::lock_guard lock(state_->mutex);
    state_->jobs.push_back(&job);
  }
  if (count == 2) {
    state_->work_arrived.notify_one();
  } else {
    state_->work_arrived.notify_all();
  }
  state_->work_on(job);
  {
    std::unique_lock lock(state_->mutex);
    std::erase(state_->jobs, &job);
    state_->helper_left.wait(lock, [&] { return job.helpers == 0; });
  }
  if (job.error) std::rethrow_exception(job.error);
}

}  // namespace hazure
