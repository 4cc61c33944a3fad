#include "net/link.h"

#include <utility>

namespace holdfast {

bool Link::try_open(Instant now) {
    if (own_.is_none() || socket_ || now < next_attempt_) return false;
    Result<UdpSocket> opened = UdpSocket::open(own_, port_);
    if (!opened) {
        error_ = opened.error().text;
        next_attempt_ = now + kLinkRetry;
        return false;
    }
    socket_ = std::move(*opened);
    error_.clear();
    overflow_seen_ = 0;
    return true;
}

Instant Link::next_attempt() const {
    return own_.is_none() || socket_ ? kNever : next_attempt_;
}

}  // namespace holdfast
