// The reference names every key of every table, in 80 columns for the terminal.
#include "config/keys.hpp"
#include "config/tables.hpp"

#include <sstream>

namespace elbo::config::testing {
namespace {

TEST(Reference, NamesEveryKeyOfEveryTable) {
    const std::string text = reference_text(schema()), page = reference_markdown(schema());
    for (const CoreKey& row : core_keys()) {
        EXPECT_TRUE(contains(text, fmt::format("\n  {}: ", row.key.name)));
        EXPECT_TRUE(contains(page, fmt::format("\n| `{}` | ", row.key.name)));
    }
    for (const auto& kinds :
         {schema().layers, schema().activations, schema().likelihoods, schema().optimizers, schema().decays}) {
        for (const Kind& kind : kinds) {
            EXPECT_TRUE(contains(text, fmt::format("\n  {}: {}", kind.name, kind.meaning)));
            EXPECT_TRUE(contains(page, fmt::format("\n`{}`: {}\n", kind.name, kind.meaning)));
            for (const Key& key : kind.keys) EXPECT_TRUE(contains(page, fmt::format("\n| `{}` | ", key.name)));
        }
    }
}

TEST(Reference, SaysTypeDefaultMeaningAndEffect) {
    EXPECT_TRUE(
        contains(reference_markdown(schema()),
                 "\n| `training.epochs` | an integer from 1 to 16777215 | 20 | passes over the training samples | "
                 "allowed |\n"));
    EXPECT_TRUE(contains(reference_text(schema()), "\n  training.epochs: an integer from 1 to 16777215; default: 20\n"
                                                   "      passes over the training samples (a change is allowed)\n"));
    EXPECT_TRUE(contains(reference_markdown(schema()), "| `output` | a path | required | "));
    EXPECT_TRUE(contains(reference_markdown(schema()), "| `optimizer.kind` | one of sgd, adam | adam | "));
}

TEST(Reference, FitsATerminal) {
    std::istringstream lines(reference_text(schema()));
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80u) << line;
}

} // namespace
} // namespace elbo::config::testing
