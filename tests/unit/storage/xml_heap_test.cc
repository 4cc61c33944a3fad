// Compression limits and the one rule of the heap: what a current roster names is never
// overwritten.
#include "storage/xml_heap.h"

#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/prng.h"
#include "storage/crc32c.h"

namespace holdfast {
namespace {

XmlRef ref_of(std::span<const std::byte> bytes, std::size_t raw) {
    return {HostId{1},
            0,
            static_cast<std::uint32_t>(bytes.size()),
            static_cast<std::uint32_t>(raw),
            crc32c(bytes)};
}

std::vector<std::byte> random_blob(Prng& prng, std::size_t bytes_max) {
    std::vector<std::byte> blob(1 + prng.below(bytes_max));
    for (auto& byte : blob) byte = static_cast<std::byte>(prng.below(256));
    return blob;
}

std::span<const std::byte> blob_in_pages(const XmlHeap& heap, const XmlRef& ref) {
    const auto pages = heap.pages_of(ref);
    return pages.bytes.subspan(ref.offset_bytes - pages.offset_bytes, ref.length_bytes);
}

TEST(XmlCompression, ComesBackAsItWas) {
    std::string xml = "<domain type='kvm'>";
    for (int i = 0; i < 200; ++i) xml += "<disk id='" + std::to_string(i) + "'/>";
    const auto compressed = compress_xml(xml);
    ASSERT_TRUE(compressed);
    EXPECT_LT(compressed->size(), xml.size() / 4);
    const auto back = decompress_xml(*compressed, ref_of(*compressed, xml.size()));
    ASSERT_TRUE(back) << back.error().text;
    EXPECT_EQ(*back, xml);
}

TEST(XmlCompression, DamageAndWrongSizesAreErrors) {
    const std::string xml(5000, 'x');
    auto compressed = *compress_xml(xml);
    XmlRef ref = ref_of(compressed, xml.size());
    ref.raw_bytes = 4999;
    EXPECT_FALSE(decompress_xml(compressed, ref));
    ref.raw_bytes = 5001;
    EXPECT_FALSE(decompress_xml(compressed, ref));
    ref.raw_bytes = 0xffffffff;
    EXPECT_FALSE(decompress_xml(compressed, ref));
    ref.raw_bytes = 5000;
    ++ref.length_bytes;
    EXPECT_FALSE(decompress_xml(compressed, ref));
    --ref.length_bytes;
    compressed[3] ^= std::byte{1};
    EXPECT_FALSE(decompress_xml(compressed, ref));
    ref.crc32c = crc32c(compressed);  // damaged before it was written
    static_cast<void>(decompress_xml(compressed, ref));
}

TEST(XmlCompression, LimitsAreErrors) {
    EXPECT_FALSE(compress_xml(""));
    EXPECT_FALSE(compress_xml(std::string(kXmlRawBytesMax + 1, 'x')));
    Prng prng(1);
    std::string noise(400'000, ' ');
    for (char& c : noise) c = static_cast<char>(prng.below(256));
    EXPECT_FALSE(compress_xml(noise)) << "more than 256 KiB even when compressed";
}

TEST(XmlHeap, PagesCoverTheBlobAndAreAligned) {
    XmlHeap heap(HostId{1}, kHeapBytesMin);
    Prng prng(2);
    for (int i = 0; i < 10; ++i) {
        const auto blob = random_blob(prng, 3000);
        const auto ref = heap.place(blob, 9000);
        ASSERT_TRUE(ref);
        EXPECT_EQ(ref->offset_bytes % 512, 0U);
        const auto pages = heap.pages_of(*ref);
        EXPECT_EQ(pages.offset_bytes % kBlockBytes, 0U);
        EXPECT_EQ(pages.bytes.size() % kBlockBytes, 0U);
        EXPECT_LE(pages.bytes.size(), kHeapTransferBytesMax);
        const auto inside = blob_in_pages(heap, *ref);
        EXPECT_TRUE(std::equal(inside.begin(), inside.end(), blob.begin(), blob.end()));
    }
}

TEST(XmlHeap, EqualBlobsShareOnePlace) {
    XmlHeap heap(HostId{1}, kHeapBytesMin);
    const std::vector<std::byte> blob(100, std::byte{7});
    EXPECT_EQ(*heap.place(blob, 500), *heap.place(blob, 500));
    EXPECT_EQ(heap.blobs_count(), 1U);
}

TEST(XmlHeap, ABlobLivesOneCommitLongerThanItIsNamed) {
    XmlHeap heap(HostId{1}, kHeapBytesMin);
    const XmlRef old = *heap.place(std::vector<std::byte>(100, std::byte{1}), 500);
    heap.commit({&old, 1});
    const XmlRef fresh = *heap.place(std::vector<std::byte>(100, std::byte{2}), 500);
    heap.commit({&fresh, 1});
    EXPECT_EQ(heap.blobs_count(), 2U) << "the other roster copy still names the old one";
    heap.commit({&fresh, 1});
    EXPECT_EQ(heap.blobs_count(), 1U);
}

TEST(XmlHeap, PlacedBlobsWaitForTheirRosterOrAreAbandoned) {
    XmlHeap heap(HostId{1}, kHeapBytesMin);
    const XmlRef pending = *heap.place(std::vector<std::byte>(100, std::byte{1}), 500);
    heap.commit({});
    heap.commit({});
    heap.commit({});
    EXPECT_EQ(heap.blobs_count(), 1U);
    heap.abandon(pending);
    EXPECT_EQ(heap.blobs_count(), 0U);
}

TEST(XmlHeap, FullIsAnErrorWithNumbers) {
    XmlHeap heap(HostId{1}, kHeapBytesMin);
    Prng prng(3);
    for (int i = 0; i < 100; ++i) {
        const auto ref = heap.place(random_blob(prng, 4000), 9000);
        if (ref) continue;
        EXPECT_NE(ref.error().text.find("of 65536 bytes used"), std::string::npos)
            << ref.error().text;
        return;
    }
    FAIL() << "a 64 KiB heap never became full";
}

TEST(XmlHeap, AdoptsWhatAPredecessorWroteAndRefusesNonsense) {
    XmlHeap before(HostId{1}, kHeapBytesMin);
    const std::vector<std::byte> blob(700, std::byte{9});
    const std::vector<std::byte> other(1500, std::byte{8});
    const XmlRef first = *before.place(blob, 500);
    const XmlRef second = *before.place(other, 500);
    XmlHeap after(HostId{1}, kHeapBytesMin);
    ASSERT_TRUE(after.adopt(second, other));
    ASSERT_TRUE(after.adopt(first, blob));
    EXPECT_TRUE(after.adopt(first, blob)) << "two VMs may share one XML";
    EXPECT_EQ(after.blobs_count(), 2U);
    XmlRef bad = first;
    bad.offset_bytes = 512;
    EXPECT_FALSE(after.adopt(bad, blob)) << "overlap";
    bad.offset_bytes = 100;
    EXPECT_FALSE(after.adopt(bad, blob)) << "alignment";
    bad.offset_bytes = 65536 - 512;
    EXPECT_FALSE(after.adopt(bad, blob)) << "behind the end";
    XmlHeap third(HostId{1}, kHeapBytesMin);
    EXPECT_FALSE(
        third.adopt(first, other.size() == blob.size() ? blob : std::span{other}.first(700)));
    const auto placed = after.place(std::vector<std::byte>(600, std::byte{1}), 900);
    ASSERT_TRUE(placed);
    EXPECT_GE(placed->offset_bytes, 1024U + 1536U);
}

// Random life of a heap against the rule: every blob named by the last or the last but one roster
// keeps its bytes.
TEST(XmlHeap, NamedBlobsAreNeverOverwritten) {
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        Prng prng(seed);
        XmlHeap heap(HostId{1}, kHeapBytesMin);
        std::map<std::uint32_t, std::vector<std::byte>> contents;  // by crc
        std::vector<XmlRef> named;
        std::vector<XmlRef> named_before;
        for (int step = 0; step < 120; ++step) {
            std::vector<XmlRef> next = named;
            if (!next.empty() && prng.below(2) == 0) {
                next.erase(next.begin() + static_cast<std::ptrdiff_t>(prng.below(next.size())));
            }
            const auto blob = random_blob(prng, 5000);
            const auto ref = heap.place(blob, 9000);
            if (ref) {
                contents[ref->crc32c] = blob;
                if (prng.below(4) == 0) {
                    heap.abandon(*ref);
                } else {
                    next.push_back(*ref);
                }
            }
            heap.commit(next);
            named_before = named;
            named = next;
            for (const auto* list : {&named, &named_before}) {
                for (const XmlRef& kept : *list) {
                    const auto bytes = blob_in_pages(heap, kept);
                    ASSERT_EQ(crc32c(bytes), kept.crc32c) << "seed " << seed << " step " << step;
                }
            }
        }
    }
}

}  // namespace
}  // namespace holdfast
