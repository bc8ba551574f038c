// Temporary files without a name, users' files at any place, and fingerprints piece by piece.
#include "base/error.hpp"
#include "storage/hash.hpp"
#include "storage/input_file.hpp"
#include "storage/spool.hpp"
#include "support/files.hpp"

#include <array>

namespace elbo::storage {
namespace {

using elbo::testing::message_of;
using elbo::testing::TemporaryFolder;

std::span<const std::byte> bytes_of_text(std::string_view text) { return std::as_bytes(std::span(text)); }

TEST(Spool, HoldsBytesAnywhereAndLeavesNothing) {
    const TemporaryFolder folder;
    Spool spool(folder.path());
    spool.write(1 << 20, bytes_of_text("world"));
    spool.write(3, bytes_of_text("hello"));
    std::array<char, 5> found{};
    spool.read(3, std::as_writable_bytes(std::span(found)));
    EXPECT_EQ(std::string_view(found.data(), 5), "hello");
    spool.read(1 << 20, std::as_writable_bytes(std::span(found)));
    EXPECT_EQ(std::string_view(found.data(), 5), "world");
    EXPECT_TRUE(folder.names().empty());
    EXPECT_CONTAINS(message_of<Error>([&] { Spool(folder / "none"); }), "no temporary file can be made");
}

TEST(InputFile, NamesWhatCannotBeRead) {
    const TemporaryFolder folder;
    elbo::testing::write_bytes(folder / "a", std::string_view("0123456789"));
    const InputFile file(folder / "a");
    EXPECT_EQ(file.size(), 10u);
    std::array<char, 4> found{};
    file.read(6, std::as_writable_bytes(std::span(found)));
    EXPECT_EQ(std::string_view(found.data(), 4), "6789");
    EXPECT_CONTAINS(message_of<InputError>([&] { file.read(7, std::as_writable_bytes(std::span(found))); }),
                    "a: ends before byte 11");
    EXPECT_CONTAINS(message_of<InputError>([&] { InputFile(folder / "b"); }), "b: no such file");
    EXPECT_CONTAINS(message_of<InputError>([&] { InputFile(folder.path()); }), "is no plain file");
}

TEST(Fingerprint, OfPiecesIsThatOfTheWhole) {
    const std::string text(5000, 'q');
    Fingerprint pieces("label");
    for (std::size_t at = 0; at < text.size(); at += 999)
        pieces.add(bytes_of_text(std::string_view(text).substr(at, 999)));
    EXPECT_EQ(pieces.digits(), fingerprint("label", bytes_of_text(text)));
    EXPECT_NE(pieces.digits(), fingerprint("other", bytes_of_text(text)));
}

} // namespace
} // namespace elbo::storage
