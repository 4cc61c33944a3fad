#include "net/beat_auth.h"

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

namespace holdfast {

namespace {

static_assert(kBeatTagBytes == crypto_generichash_BYTES);
static_assert(kKeyBytes == crypto_generichash_KEYBYTES);

constexpr std::size_t kDigitsPerLine = 2 * kKeyBytes;
// Two lines, each with its line end, and one byte more to notice what is too long.
constexpr std::size_t kFileBytesMax = kKeysMax * (kDigitsPerLine + 1);
constexpr std::string_view kKeyIdLabel = "holdfast key id";

struct SodiumFree {
    void operator()(void* memory) const { sodium_free(memory); }
};

// Guarded, locked and zeroed on release.  Null when there is no memory.
using SecretBytes = std::unique_ptr<std::uint8_t, SodiumFree>;

SecretBytes allocate_secret(std::size_t size) {
    return SecretBytes(static_cast<std::uint8_t*>(sodium_malloc(size)));
}

class Descriptor {
  public:
    explicit Descriptor(int fd) : fd_(fd) {}

    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    Descriptor(Descriptor&&) = delete;
    Descriptor& operator=(Descriptor&&) = delete;

    ~Descriptor() {
        if (fd_ >= 0) close(fd_);
    }

    [[nodiscard]] int get() const { return fd_; }

  private:
    int fd_;
};

Unexpected<Error> fail(std::string_view name, const std::string& text, int system_errno = 0) {
    std::string whole = "key file " + std::string(name) + ": " + text;
    if (system_errno != 0) whole += std::string(": ") + strerrordesc_np(system_errno);
    return Unexpected{Error{system_errno, whole}};
}

std::string octal(mode_t mode) {
    std::array<char, 16> text{};
    std::snprintf(text.data(), text.size(), "%04o", static_cast<unsigned>(mode & 07777U));
    return text.data();
}

// -1: no hex digit.
int digit_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// Says what is wrong with the line without showing any of it; "" when it is a key, then in `key`.
std::string parse_line(std::string_view line, std::span<std::uint8_t, kKeyBytes> key) {
    if (line.ends_with('\r')) return "ends with a carriage return; use Unix line ends";
    for (std::size_t i = 0; i < line.size(); ++i) {
        if (digit_value(line[i]) < 0) {
            return "column " + std::to_string(i + 1) + " is not a hex digit; a key is " +
                   std::to_string(kDigitsPerLine) + " of them and nothing else";
        }
    }
    if (line.size() != kDigitsPerLine) {
        return "has " + std::to_string(line.size()) + " hex digits, a key has " +
               std::to_string(kDigitsPerLine);
    }
    for (std::size_t i = 0; i < kKeyBytes; ++i) {
        key[i] =
            static_cast<std::uint8_t>(digit_value(line[2 * i]) * 16 + digit_value(line[2 * i + 1]));
    }
    if (sodium_is_zero(key.data(), key.size()) == 1) return "is all zero, which is no key";
    return "";
}

KeyId key_id_from(const std::uint8_t* key) {
    std::array<std::uint8_t, crypto_generichash_BYTES_MIN> hash{};
    const auto* label = reinterpret_cast<const unsigned char*>(kKeyIdLabel.data());
    crypto_generichash(hash.data(), hash.size(), label, kKeyIdLabel.size(), key, kKeyBytes);
    KeyId id = 0;
    for (std::size_t i = 0; i < sizeof(id); ++i) id |= KeyId{hash[i]} << (8 * i);
    return id;
}

void tag_with(const std::uint8_t* key,
              BeatBytesView bytes,
              std::array<std::uint8_t, kBeatTagBytes>& tag) {
    crypto_generichash(tag.data(), tag.size(), bytes.data(), kBeatSignedBytes, key, kKeyBytes);
}

// "" when the file may be trusted with the cluster's keys.
std::string unsafe_reason(const struct stat& status) {
    if (!S_ISREG(status.st_mode)) return "not a regular file";
    if ((status.st_mode & 07777U) != 0600U) {
        return "mode is " + octal(status.st_mode) +
               ", must be 0600 so that nobody else can read or change it: chmod 0600";
    }
    if (status.st_uid != 0 && status.st_uid != geteuid()) {
        return "belongs to user " + std::to_string(status.st_uid) +
               ", must belong to root: chown root";
    }
    return "";
}

}  // namespace

Result<BeatKeys> BeatKeys::load(const std::string& path) {
    if (sodium_init() < 0) return fail(path, "libsodium does not start");
    const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    if (file.get() < 0) {
        const int error = errno;
        return fail(path, error == ENOENT ? "missing; copy it from another host" : "open", error);
    }

    struct stat status {};

    if (fstat(file.get(), &status) != 0) return fail(path, "fstat", errno);
    const std::string reason = unsafe_reason(status);
    if (!reason.empty()) return fail(path, reason);

    const SecretBytes content = allocate_secret(kFileBytesMax + 1);
    if (!content) return fail(path, "no memory for keys", ENOMEM);
    std::size_t size = 0;
    while (size <= kFileBytesMax) {
        const ssize_t got = read(file.get(), content.get() + size, kFileBytesMax + 1 - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail(path, "read", errno);
        if (got == 0) break;
        size += static_cast<std::size_t>(got);
    }
    if (size > kFileBytesMax) {
        return fail(path,
                    "has more than " + std::to_string(kFileBytesMax) + " bytes; it holds one or " +
                        "two lines of " + std::to_string(kDigitsPerLine) + " hex digits");
    }
    return parse({reinterpret_cast<const char*>(content.get()), size}, path);
}

Result<BeatKeys> BeatKeys::parse(std::string_view text, std::string_view name) {
    if (sodium_init() < 0) return fail(name, "libsodium does not start");
    if (text.empty()) return fail(name, "empty; it holds one or two lines of 64 hex digits");
    if (text.ends_with('\n')) text.remove_suffix(1);

    SecretBytes secret = allocate_secret(kKeysMax * kKeyBytes);
    if (!secret) return fail(name, "no memory for keys", ENOMEM);
    BeatKeys keys;
    for (std::size_t line = 1;; ++line) {
        const std::string where = "line " + std::to_string(line);
        if (line > kKeysMax) return fail(name, where + ": at most two keys are valid at once");
        std::uint8_t* key = secret.get() + (line - 1) * kKeyBytes;
        const std::size_t end = text.find('\n');
        const std::string wrong =
            parse_line(text.substr(0, end), std::span<std::uint8_t, kKeyBytes>(key, kKeyBytes));
        if (!wrong.empty()) return fail(name, std::string(where).append(" ").append(wrong));
        if (line > 1 && sodium_memcmp(secret.get(), key, kKeyBytes) == 0) {
            return fail(name, where + " repeats line 1; write the other key, or one line only");
        }
        keys.ids_[line - 1] = key_id_from(key);
        keys.count_ = line;
        if (end == std::string_view::npos) break;
        text.remove_prefix(end + 1);
    }
    sodium_mprotect_readonly(secret.get());
    keys.secret_ = secret.release();
    return keys;
}

BeatKeys::BeatKeys(BeatKeys&& other) noexcept
    : secret_(std::exchange(other.secret_, nullptr)),
      count_(std::exchange(other.count_, 0)),
      ids_(std::exchange(other.ids_, {})) {}

BeatKeys& BeatKeys::operator=(BeatKeys&& other) noexcept {
    std::swap(secret_, other.secret_);
    std::swap(count_, other.count_);
    std::swap(ids_, other.ids_);
    return *this;
}

BeatKeys::~BeatKeys() {
    sodium_free(secret_);
}

void BeatKeys::sign(BeatBytes bytes) const {
    HF_CHECK(count_ > 0);
    std::array<std::uint8_t, kBeatTagBytes> tag{};
    tag_with(secret_, bytes, tag);
    std::memcpy(bytes.data() + kBeatSignedBytes, tag.data(), tag.size());
}

Result<Nothing, BeatReject> BeatKeys::check(BeatBytesView bytes) const {
    const KeyId claimed = key_id_of(bytes);
    BeatReject reject = BeatReject::UnknownKey;
    for (std::size_t i = 0; i < count_; ++i) {
        if (ids_[i] != claimed) continue;
        std::array<std::uint8_t, kBeatTagBytes> tag{};
        tag_with(secret_ + i * kKeyBytes, bytes, tag);
        if (sodium_memcmp(tag.data(), bytes.data() + kBeatSignedBytes, tag.size()) == 0) {
            return Nothing{};
        }
        reject = BeatReject::BadTag;
    }
    return Unexpected{reject};
}

}  // namespace holdfast
