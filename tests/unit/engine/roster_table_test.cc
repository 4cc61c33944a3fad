#include "engine/machine/roster_table.h"

#include <algorithm>
#include <cstdint>
#include <map>

#include <gtest/gtest.h>

namespace holdfast {
namespace {

// Whatever part of an id tells VMs apart: who makes ids by counting must not have all VMs in one chain.
TEST(RosterTable, ChainsStayShortWhateverIdsAreMadeOf) {
    for (std::size_t place = 0; place + 1 < sizeof(VmId::bytes); ++place) {
        std::map<std::size_t, int> chains;
        int longest = 0;
        for (std::uint32_t number = 0; number < 10'000; ++number) {
            VmId vm;
            vm.bytes[place] = static_cast<std::uint8_t>(number >> 8U);
            vm.bytes[place + 1] = static_cast<std::uint8_t>(number);
            longest = std::max(longest, ++chains[RosterTable::bucket_of(vm)]);
        }
        EXPECT_LE(longest, 12) << "bytes " << place << " and " << place + 1;
    }
}

}  // namespace
}  // namespace holdfast
