// FaultBackend: a back-end over memory that answers when told to, late, wrongly or never.
#pragma once

#include <cerrno>
#include <cstring>
#include <functional>
#include <optional>
#include <vector>

#include "storage/io_backend.h"

namespace holdfast::test {

class FaultBackend final : public IoBackend {
  public:
    // What becomes of an operation: nothing (carried out), a result to give instead, or kHang.
    static constexpr std::int32_t kHang = 1;
    using Fault = std::function<std::optional<std::int32_t>(const IoOperation&)>;

    explicit FaultBackend(std::size_t bytes) : medium(bytes) {}

    [[nodiscard]] const char* name() const override { return "fault"; }

    [[nodiscard]] const char* features() const override { return "memory"; }

    void submit(std::span<const IoOperation> operations) override {
        ++submissions;
        for (const IoOperation& operation : operations) {
            ++submitted;
            const auto result = fault ? fault(operation) : std::nullopt;
            if (result && *result == kHang) {
                hung.push_back(operation);
            } else {
                done_.push_back({operation.token, result ? *result : carry_out(operation)});
            }
        }
        last_batch.assign(operations.begin(), operations.end());
    }

    [[nodiscard]] std::size_t reap(std::span<IoCompletion> completions) override {
        std::size_t count = 0;
        while (count < completions.size() && !done_.empty()) {
            completions[count++] = done_.front();
            done_.erase(done_.begin());
        }
        return count;
    }

    void wait(Duration) override {}

    [[nodiscard]] std::size_t in_flight() const override { return hung.size() + done_.size(); }

    // The oldest hung operation ends after all.
    void release_one() {
        const IoOperation operation = hung.front();
        hung.erase(hung.begin());
        done_.push_back({operation.token, carry_out(operation)});
    }

    std::vector<std::byte> medium;
    Fault fault;
    std::vector<IoOperation> hung;
    std::vector<IoOperation> last_batch;
    std::size_t submissions = 0;
    std::size_t submitted = 0;

  private:
    std::int32_t carry_out(const IoOperation& operation) {
        if (operation.offset_bytes + operation.length_bytes > medium.size()) return 0;
        std::byte* place = medium.data() + operation.offset_bytes;
        if (operation.kind == IoKind::Read) {
            std::memcpy(operation.memory, place, operation.length_bytes);
        } else {
            std::memcpy(place, operation.memory, operation.length_bytes);
        }
        return static_cast<std::int32_t>(operation.length_bytes);
    }

    std::vector<IoCompletion> done_;
};

}  // namespace holdfast::test
