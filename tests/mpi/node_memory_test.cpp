// Memory that a node's ranks share: one mapping for all of them, and one outcome on all nodes.
#include "comm/node_memory.hpp"
#include "mpi/world.hpp"
#include "support/files.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <fstream>

#include <sys/resource.h>
#include <unistd.h>

namespace {

using namespace elbo;
using elbo::testing::message_of;

constexpr std::size_t mebibyte = std::size_t{1} << 20;

/// For a while this process's address space grows by no more than this many bytes.
class AddressLimit {
public:
    explicit AddressLimit(std::size_t growth) {
        ::getrlimit(RLIMIT_AS, &before_);
        std::size_t pages = 0;
        std::ifstream("/proc/self/statm") >> pages;
        rlimit limit = before_;
        limit.rlim_cur = pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) + growth;
        ::setrlimit(RLIMIT_AS, &limit);
    }
    ~AddressLimit() { ::setrlimit(RLIMIT_AS, &before_); }
    AddressLimit(const AddressLimit&) = delete;
    AddressLimit& operator=(const AddressLimit&) = delete;

private:
    rlimit before_{};
};

TEST(NodeMemory, IsSharedAndZeroed) {
    const comm::Nodes nodes(world(), true);
    const comm::NodeMemory memory(nodes, 100, "numbers");
    auto& sum = *reinterpret_cast<std::atomic<int>*>(memory.data());
    EXPECT_EQ(sum, 0);
    nodes.node().barrier();
    sum += nodes.node().rank() + 1;
    nodes.node().barrier();
    EXPECT_EQ(sum, nodes.node().size() * (nodes.node().size() + 1) / 2);
}

/// The others, nodes of their own or not, would wait for it for ever.
TEST(NodeMemory, WhatOneRankCannotHaveEndsAll) {
    const int bad = world().size() - 1;
    for (const bool shared : {false, true}) {
        const comm::Nodes nodes(world(), shared);
        std::optional<AddressLimit> limit;
        if (world().rank() == bad) limit.emplace(128 * mebibyte);
        const std::string message =
            message_of<comm::AgreedError>([&] { comm::NodeMemory(nodes, 512 * mebibyte, "numbers"); });
        limit.reset();
        EXPECT_CONTAINS(message, "numbers: 512 MiB of memory cannot be had: ");
        EXPECT_EQ(message.starts_with(fmt::format("rank {} on {}: ", bad, world().host())), world().size() > 1)
            << message;
        EXPECT_EQ(world().broadcast(message), message);
    }
}

TEST(NodeMemory, WhatNoHostHasIsToldOnce) {
    const comm::Nodes nodes(world(), false);
    const std::string message =
        message_of<comm::AgreedError>([&] { comm::NodeMemory(nodes, std::size_t{1} << 50, "numbers"); });
    EXPECT_TRUE(message.starts_with("numbers: 1.00 PiB of shared memory are needed on this host, but ")) << message;
}

} // namespace
