// Any number of files through few descriptors.
#include "convert/open_files.hpp"

#include "base/error.hpp"
#include "support/files.hpp"

#include <array>
#include <iterator>
#include <span>
#include <string>

namespace elbo::convert {
namespace {

namespace fs = std::filesystem;
using elbo::testing::message_of;
using elbo::testing::TemporaryFolder;
using elbo::testing::write_bytes;

std::size_t descriptors() {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator()));
}

TEST(OpenFiles, AreReadInAnyOrderAndFewAreOpen) {
    const TemporaryFolder folder;
    const std::size_t before = descriptors();
    constexpr std::size_t count = 100;
    OpenFiles files;
    for (std::size_t i = 0; i < count; ++i) {
        const std::string text = std::to_string(1000 + i);
        write_bytes(folder / text, text);
        EXPECT_EQ(files.add(folder / text), i);
        EXPECT_EQ(files.size(i), 4u);
    }
    for (std::size_t step = 0; step < 3 * count; ++step) {
        const std::size_t file = step * 37 % count;
        std::array<char, 3> bytes{};
        files.read(file, 1, std::as_writable_bytes(std::span(bytes)));
        EXPECT_EQ("1" + std::string(bytes.data(), bytes.size()), std::to_string(1000 + file));
        EXPECT_LE(descriptors(), before + 32);
    }
}

TEST(OpenFiles, AFileOfAnotherSizeIsRefused) {
    const TemporaryFolder folder;
    OpenFiles files;
    for (std::size_t i = 0; i < 40; ++i) {
        write_bytes(folder / std::to_string(i), std::string(8, 'x'));
        files.add(folder / std::to_string(i));
    }
    std::array<std::byte, 8> bytes{};
    files.read(0, 0, bytes);
    write_bytes(folder / "1", std::string(9, 'x'));
    EXPECT_EQ(message_of<InputError>([&] { files.read(1, 0, bytes); }),
              (folder / "1").string() +
                  ": has 9 bytes, it had 8 when it was looked at before; is it still being written?");
    EXPECT_CONTAINS(message_of<InputError>([&] { files.read(0, 4, bytes); }), "ends before byte 12");
    EXPECT_CONTAINS(message_of<InputError>([&] { files.add(folder / "none"); }), "none: no such file");
}

} // namespace
} // namespace elbo::convert
