// Runs the tests of this folder on every rank; the outcome is the worst rank's. Ranks but 0 print failures alone.
#include "comm/communicator.hpp"
#include "mpi/world.hpp"

#include <gtest/gtest.h>

#include <cstdio>

namespace {

const elbo::comm::Communicator* communicator = nullptr;

/// Failures of the ranks whose progress is not shown.
class FailuresAlone : public ::testing::EmptyTestEventListener {
    void OnTestPartResult(const ::testing::TestPartResult& result) override {
        if (result.failed())
            std::fprintf(stderr, "rank %d: %s:%d: %s\n", communicator->rank(),
                         result.file_name() ? result.file_name() : "?", result.line_number(), result.summary());
    }
};

} // namespace

const elbo::comm::Communicator& world() { return *communicator; }

int main(int argc, char** argv) {
    const elbo::comm::Session session;
    communicator = &session.world();
    ::testing::InitGoogleTest(&argc, argv);
    if (!communicator->first()) {
        auto& listeners = ::testing::UnitTest::GetInstance()->listeners();
        delete listeners.Release(listeners.default_result_printer());
        listeners.Append(new FailuresAlone);
    }
    return static_cast<int>(communicator->most(RUN_ALL_TESTS()));
}
