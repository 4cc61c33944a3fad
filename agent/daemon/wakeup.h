// Wakeup: an eventfd by which any thread wakes the one thread that waits for it.  Neither side ever blocks.
#pragma once

namespace holdfast {

class Wakeup {
  public:
    Wakeup();
    ~Wakeup();
    Wakeup(const Wakeup&) = delete;
    Wakeup& operator=(const Wakeup&) = delete;

    // Any thread.  Many signals before a drain() wake once.
    void signal() const;

    // The waiting thread.
    void drain() const;

    // For poll and epoll: readable after a signal().
    [[nodiscard]] int fd() const { return fd_; }

  private:
    int fd_ = -1;
};

}  // namespace holdfast
