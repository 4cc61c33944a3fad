#include "agent/daemon/keeper_watch.h"

#include "agent/text.h"

namespace holdfast {

namespace {

bool same(const KeeperReport& left, const KeeperReport& right) {
    return left.arming == right.arming && left.watchdog == right.watchdog &&
           left.watchdog_class == right.watchdog_class;
}

const char* class_text(WatchdogClass watchdog_class) {
    switch (watchdog_class) {
        case WatchdogClass::None: return "none";
        case WatchdogClass::Soft: return "soft";
        case WatchdogClass::Hardware: break;
    }
    return "hardware";
}

}  // namespace

KeeperWatch::KeeperWatch(const KeeperPage& page,
                         const std::string& device,
                         LogSink& sink,
                         Instant now)
    : page_(page),
      expected_(device != "none"),
      no_device_text_("holdfast-keeper runs but holds no watchdog, though [watchdog] device is \"" +
                      printable(device) + "\"."),
      sink_(sink),
      bad_since_(now) {}

std::optional<KeeperReport> KeeperWatch::look(Instant now) {
    const KeeperReport report = read_keeper_report(page_, now);
    if (expected_) judge(report, now);
    if (said_to_engine_ && same(*said_to_engine_, report)) return std::nullopt;
    said_to_engine_ = report;
    return report;
}

bool KeeperWatch::awaited() const {
    const bool acknowledged =
        page_.armed.load(std::memory_order_relaxed) >= page_.arming.load(std::memory_order_relaxed);
    return !acknowledged || (expected_ && missed_);
}

void KeeperWatch::judge(const KeeperReport& report, Instant now) {
    Finding finding = Finding::Good;
    if (!keeper_looks(page_, now)) {
        finding = Finding::Missing;
    } else if (report.watchdog_class == WatchdogClass::None) {
        finding = Finding::NoDevice;
    }
    missed_ = finding != Finding::Good;
    if (finding == Finding::Good) {
        bad_since_ = now;
        if (told_ == Finding::Good && class_told_ == report.watchdog_class) return;
        told_ = Finding::Good;
        class_told_ = report.watchdog_class;
        sink_.say(MessageId::KeeperPresent,
                  {class_text(report.watchdog_class), duration_text(report.watchdog)});
        return;
    }
    if (told_ == finding || now - bad_since_ < kKeeperPatience) return;
    told_ = finding;
    sink_.say(MessageId::KeeperMissing,
              {finding == Finding::NoDevice
                   ? std::string_view(no_device_text_)
                   : "holdfast-keeper does not run, or hangs: nobody looks at its page."});
}

}  // namespace holdfast
