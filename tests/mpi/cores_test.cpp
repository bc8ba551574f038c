// The cores of a node are those of all its ranks, whatever each is bound to.
#include "comm/cores.hpp"
#include "mpi/world.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include <sched.h>

namespace {

using namespace elbo::comm;

TEST(CoresOfNode, RanksBoundToACoreEachHaveThemBetweenThem) {
    const Communicator node = world().node(true);
    cpu_set_t before, bound;
    CPU_ZERO(&before);
    ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
    const CoreLimits own = core_limits();
    const int available = static_cast<int>(own.cores.size());
    const Cores free = cores_of_node(node);
    EXPECT_EQ(free.ranks, node.size());
    EXPECT_EQ(free.union_of_node, available) << "these tests run unbound";
    EXPECT_EQ(free.host, world().host());

    CPU_ZERO(&bound);
    CPU_SET(own.cores[static_cast<std::size_t>(node.rank() % available)], &bound);
    ASSERT_EQ(sched_setaffinity(0, sizeof bound, &bound), 0);
    const Cores spread = cores_of_node(node);
    EXPECT_EQ(spread.union_of_node, std::min(available, node.size()));
    if (!spread.quota) {
        EXPECT_EQ(spread.crowded, node.size() > available);
    }
    EXPECT_FALSE(spread.shared_core);

    CPU_ZERO(&bound);
    CPU_SET(own.cores.front(), &bound);
    ASSERT_EQ(sched_setaffinity(0, sizeof bound, &bound), 0);
    EXPECT_EQ(cores_of_node(node).must_share(), node.size() > 1);
    EXPECT_EQ(sched_setaffinity(0, sizeof before, &before), 0);
}

} // namespace
