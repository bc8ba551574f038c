// Event files: framing as TensorFlow's own files have it, names in order. tests/cli/test_tensorboard.py reads them.
#include "report/event_file.hpp"

#include "base/error.hpp"
#include "support/files.hpp"

#include <utility>

namespace {

using namespace elbo;
using elbo::testing::bytes_of_file;
using elbo::testing::message_of;
using elbo::testing::TemporaryFolder;

std::string bytes(std::initializer_list<int> values) {
    std::string text;
    for (const int value : values) text += static_cast<char>(value);
    return text;
}

TEST(EventFile, FramesHaveMaskedChecksums) {
    // The first twelve bytes of any event file: 24 bytes, and the checksum of that number.
    const std::string frame = report::framed(std::string(24, 'x'));
    EXPECT_EQ(frame.substr(0, 12), bytes({24, 0, 0, 0, 0, 0, 0, 0, 0xa3, 0x7f, 0x4b, 0x22}));
    EXPECT_EQ(frame.substr(12, 24), std::string(24, 'x'));
    // CRC-32C of "123456789" is e3069283 (RFC 3720); rotated right by 15 and a282ead8 added.
    const std::uint32_t crc = 0xe3069283U, masked = (crc >> 15 | crc << 17) + 0xa282ead8U;
    const std::string text = report::framed("123456789");
    ASSERT_EQ(text.size(), 8u + 4 + 9 + 4);
    for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(static_cast<unsigned char>(text[21 + i]), masked >> (8 * i) & 0xff);
    EXPECT_EQ(report::framed("").size(), 16u);
}

TEST(EventFile, BeginsWithItsVersion) {
    const TemporaryFolder folder;
    const report::EventFile file(folder.path(), 0);
    const std::string text = bytes_of_file(folder / folder.names().front());
    EXPECT_EQ(text.substr(0, 12), report::framed(std::string(24, ' ')).substr(0, 12));
    EXPECT_EQ(text.substr(12 + 9, 15), bytes({0x1a, 13}) + "brain.Event:2");
}

TEST(EventFile, NamesAscendWithinASecondAndWithClocksSetBack) {
    const TemporaryFolder folder;
    EXPECT_FALSE(report::has_event_files(folder.path()));
    elbo::testing::write_bytes(folder / "events.out.tfevents.4000000000.host.1", std::string_view("old"));
    EXPECT_TRUE(report::has_event_files(folder.path()));
    const report::EventFile first(folder.path(), 0);
    const report::EventFile second(folder.path(), 5);
    const std::vector<std::string> names = folder.names();
    ASSERT_EQ(names.size(), 3u);
    EXPECT_EQ(names[1].substr(0, 30), "events.out.tfevents.4000000001");
    EXPECT_EQ(names[2].substr(0, 30), "events.out.tfevents.4000000002");
    EXPECT_EQ(bytes_of_file(folder / names[0]), "old");
}

TEST(EventFile, EveryCallReachesTheFile) {
    const TemporaryFolder folder;
    report::EventFile file(folder.path(), 0);
    const auto size = [&] { return std::filesystem::file_size(folder / folder.names().front()); };
    auto before = size();
    const auto grew = [&] { return size() > std::exchange(before, size()); };
    const std::vector<double> edges = {0, 1, 2}, counts = {0, 3};
    file.scalars(1, 0, {{"a/b", 1.5}});
    EXPECT_TRUE(grew());
    file.histograms(1, {{"h", {edges, counts}}});
    EXPECT_TRUE(grew());
    file.text(1, "t", "text");
    EXPECT_TRUE(grew());
    file.hyperparameters({{"a", "1"}, {"b", "true"}, {"c", "1x"}});
    EXPECT_TRUE(grew());
    file.end(true);
    EXPECT_TRUE(grew());
    EXPECT_CONTAINS(message_of<Error>([&] { file.image(1, "samples", "no picture"); }), "no PNG");
    EXPECT_FALSE(grew());
}

TEST(EventFile, OpeningStillThrows) {
    const TemporaryFolder folder;
    EXPECT_CONTAINS(message_of<Error>([&] { report::EventFile(folder / "none", 0); }), "its folder does not exist");
}

} // namespace
