// What a cgroup leaves of the memory, as version 2 tells it in files.
#include "comm/free_memory.hpp"
#include "support/files.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace {

using namespace elbo;
using elbo::testing::write_bytes;

constexpr std::size_t unknown = std::numeric_limits<std::size_t>::max();

TEST(FreeMemory, IsSome) {
    EXPECT_GT(comm::free_memory(), std::size_t{1} << 20);
    EXPECT_LT(comm::free_memory(), std::size_t{1} << 50);
}

TEST(FreeMemory, IsWhatTheTightestGroupLeaves) {
    const elbo::testing::TemporaryFolder folder;
    const auto inner = folder.path() / "job" / "step";
    std::filesystem::create_directories(inner);
    EXPECT_EQ(comm::room_in_cgroup(folder.path(), "job/step"), unknown);
    write_bytes(inner / "memory.max", std::string("max\n"));
    write_bytes(inner / "memory.current", std::string("700\n"));
    EXPECT_EQ(comm::room_in_cgroup(folder.path(), "job/step"), unknown);
    write_bytes(folder.path() / "job" / "memory.max", std::string("1000\n"));
    write_bytes(folder.path() / "job" / "memory.current", std::string("900\n"));
    EXPECT_EQ(comm::room_in_cgroup(folder.path(), "job/step"), 100U);
    // The page cache can be given back.
    write_bytes(folder.path() / "job" / "memory.stat",
                std::string("anon 300\nactive_file 150\ninactive_file 250\nshmem 1\n"));
    EXPECT_EQ(comm::room_in_cgroup(folder.path(), "job/step"), 500U);
    write_bytes(inner / "memory.max", std::string("600\n"));
    EXPECT_EQ(comm::room_in_cgroup(folder.path(), "job/step"), 0U);
}

} // namespace
