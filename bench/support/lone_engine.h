// LoneEngine: one engine in a healthy cluster whose other hosts are nothing but records.
//
// Its I/O takes 200 µs, its peers beat once an interval each, spread over the interval, and answer its beats.  Every
// step is timed by itself.  As leader it is host 1; else it is the last host and host 1 leads.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "bench/support/samples.h"
#include "engine/machine/engine.h"

namespace holdfast::bench {

class LoneEngine {
  public:
    struct Config {
        std::uint16_t hosts = 3;
        std::uint32_t vms_per_host = 10;
        bool leads = true;
        Timing timing = kTimingStandard;
        std::uint8_t voters = 3;
    };

    // What kind of event a step took in.
    enum class Kind : std::uint8_t { Tick, SlotWritten, SlotsRead, Beat, Other };
    static constexpr std::size_t kKinds = 5;

    explicit LoneEngine(const Config& config);

    // Lets so many beats pass.
    void run(std::uint32_t intervals);

    // Forgets what was measured so far.
    void reset_samples();

    // Whether it is what it should be: a member that leads, or follows, with all its VMs claimed.
    [[nodiscard]] bool settled() const;

    // Nanoseconds each, the cost of reading the clock deducted.
    [[nodiscard]] const Samples& all_steps() const { return all_; }

    [[nodiscard]] const Samples& steps_of(Kind kind) const {
        return by_kind_[static_cast<std::size_t>(kind)];
    }

    // What the counter moved during measured steps: all of them, or those of one kind.
    [[nodiscard]] std::int64_t counted() const;

    [[nodiscard]] std::int64_t counted(Kind kind) const {
        return counted_[static_cast<std::size_t>(kind)];
    }

    [[nodiscard]] const Engine& engine() const { return *engine_; }

    // What the engine allocated when it was made; it allocates nothing later.
    [[nodiscard]] std::size_t engine_bytes() const { return engine_bytes_; }

    [[nodiscard]] Instant now() const { return now_; }

    // Called around every step by programs that count allocations, or CPU: returns a running total.
    using Counter = std::int64_t (*)();

    void count_by(Counter counter) { counter_ = counter; }

    // A way for beats that takes them over something real; by default they are simply there.
    struct Network {
        std::function<Beat(const Beat&)> to_engine;  // returns what arrived
        std::function<void(std::span<const Beat>)> to_peers;
    };

    void send_beats_over(Network network) { network_ = std::move(network); }

    // Does the I/O of a beat on something real whenever the engine asks for a write and a scan; what the engine
    // is told stays the records.
    using BeatIo = std::function<void()>;

    void beat_on(BeatIo io) { beat_io_ = std::move(io); }

  private:
    struct Job {
        Instant at;
        decltype(Event::body) body;
        bool scan = false;  // the body's slots are filled in when it is due
        HostId beat_of{};   // a beat that is composed when it is due
    };

    void step(const decltype(Event::body)& body, Kind kind);
    void later(Duration delay, const decltype(Event::body)& body);
    void deliver(Job& job);
    void begin_interval();
    void answer(const Action& action);

    Config config_;
    HostId self_;
    Instant now_{std::chrono::seconds{1000}};
    Instant next_interval_;
    std::unique_ptr<Engine> engine_;
    std::size_t engine_bytes_ = 0;
    std::unique_ptr<Actions> actions_;
    std::deque<Job> jobs_;  // by time
    std::vector<SlotView> slots_;
    std::vector<BeatNumber> answers_;  // by host: the newest beat of ours that it has received
    std::unique_ptr<Roster> roster_;
    std::uint64_t round_ = 1;
    Incarnation incarnation_;
    Samples all_;
    std::array<Samples, kKinds> by_kind_;
    std::int64_t clock_cost_ns_ = 0;
    std::array<std::int64_t, kKinds> counted_{};
    Counter counter_ = nullptr;
    Network network_;
    BeatIo beat_io_;
    std::vector<Beat> sent_;  // by the running step
};

}  // namespace holdfast::bench
