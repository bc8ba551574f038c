// Every file of configs/ is a configuration.
#include "config/config.hpp"
#include "training/schema.hpp"

#include <gtest/gtest.h>

#include <filesystem>

namespace {

using namespace elbo;

TEST(Configs, EveryOneIsValidAndResolvesToItself) {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(ELBO_SOURCE_DIR "/configs")) {
        const config::Config config = config::parse(config::read_source(entry.path()), {}, training::schema());
        EXPECT_EQ(config::parse({"resolved", config.resolved}, {}, training::schema()).resolved, config.resolved);
        ++count;
    }
    EXPECT_GE(count, 4U);
}

} // namespace
