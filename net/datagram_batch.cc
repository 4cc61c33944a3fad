#include "net/datagram_batch.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace holdfast {

namespace {

bool is_busy(int error) {
    return error == EAGAIN || error == ENOBUFS || error == ENOMEM;
}

// The kernel's own count of datagrams that this socket had no room for; 0 when it did not say.
std::uint32_t overflow_in(const msghdr& header) {
    auto* mutable_header = const_cast<msghdr*>(&header);  // NOLINT: CMSG_NXTHDR takes no const
    for (cmsghdr* control = CMSG_FIRSTHDR(mutable_header); control != nullptr;
         control = CMSG_NXTHDR(mutable_header, control)) {
        if (control->cmsg_level == SOL_SOCKET && control->cmsg_type == SO_RXQ_OVFL) {
            std::uint32_t count = 0;
            std::memcpy(&count, CMSG_DATA(control), sizeof(count));
            return count;
        }
    }
    return 0;
}

}  // namespace

SendBatch::SendBatch() {
    for (std::size_t i = 0; i < kCapacity; ++i) {
        vectors_[i] = {bytes_[i].data(), bytes_[i].size()};
        headers_[i].msg_hdr.msg_name = targets_[i].bytes.data();
        headers_[i].msg_hdr.msg_iov = &vectors_[i];
        headers_[i].msg_hdr.msg_iovlen = 1;
    }
}

void SendBatch::add(const SocketAddress& target, BeatBytesView bytes) {
    HF_CHECK(!full());
    targets_[count_] = target;
    headers_[count_].msg_hdr.msg_namelen = target.size;
    std::copy(bytes.begin(), bytes.end(), bytes_[count_].begin());
    ++count_;
}

void SendBatch::flush(int fd, LinkCounters& counters) {
    std::size_t done = 0;
    while (done < count_) {
        const auto left = static_cast<unsigned>(count_ - done);
        const int sent = sendmmsg(fd, &headers_[done], left, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0) {
            counters.datagrams_sent += static_cast<std::uint64_t>(sent);
            done += static_cast<std::size_t>(sent);
            continue;
        }
        if (errno == EINTR) continue;
        counters.last_send_errno = errno;
        if (is_busy(errno)) {
            counters.send_busy += count_ - done;
            break;
        }
        // The error belongs to the first of what was left: step over it.
        ++counters.send_failed;
        ++done;
    }
    count_ = 0;
}

ReceiveBatch::ReceiveBatch() {
    for (std::size_t i = 0; i < kCapacity; ++i) {
        vectors_[i] = {bytes_[i].data(), bytes_[i].size()};
        headers_[i].msg_hdr.msg_name = sources_[i].bytes.data();
        headers_[i].msg_hdr.msg_iov = &vectors_[i];
        headers_[i].msg_hdr.msg_iovlen = 1;
        headers_[i].msg_hdr.msg_control = controls_[i].bytes.data();
    }
}

std::size_t ReceiveBatch::receive(int fd, LinkCounters& counters, std::uint32_t& overflow_seen) {
    for (mmsghdr& header : headers_) {
        header.msg_hdr.msg_namelen = sizeof(SocketAddress::bytes);
        header.msg_hdr.msg_controllen = kControlBytes;
        header.msg_hdr.msg_flags = 0;
    }
    count_ = 0;
    const int got = recvmmsg(fd, headers_.data(), kCapacity, MSG_DONTWAIT, nullptr);
    if (got < 0) {
        if (errno != EAGAIN && errno != EINTR) {
            ++counters.receive_failed;
            counters.last_receive_errno = errno;
        }
        return 0;
    }
    count_ = static_cast<std::size_t>(got);
    counters.datagrams_received += count_;
    for (std::size_t i = 0; i < count_; ++i) {
        sources_[i].size = headers_[i].msg_hdr.msg_namelen;
        const std::uint32_t overflow = overflow_in(headers_[i].msg_hdr);
        if (overflow == 0) continue;
        counters.receive_overflow +=
            overflow - overflow_seen;  // the kernel's count wraps; so does this
        overflow_seen = overflow;
    }
    return count_;
}

Datagram ReceiveBatch::datagram(std::size_t index) const {
    HF_CHECK(index < count_);
    const mmsghdr& header = headers_[index];
    const std::size_t size = std::min<std::size_t>(header.msg_len, kDatagramBytesMax);
    return Datagram{
        .bytes = {bytes_[index].data(), size},
        .truncated = (header.msg_hdr.msg_flags & MSG_TRUNC) != 0,
        .source = from_socket_address(sources_[index]),
    };
}

}  // namespace holdfast
