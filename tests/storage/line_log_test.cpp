// Logs of lines: whole lines whatever happens, and lines that wait for room.
#include "storage/line_log.hpp"

#include "base/error.hpp"
#include "storage/file_size_limit.hpp"
#include "storage/files.hpp"
#include "support/files.hpp"

namespace elbo::storage {
namespace {

using elbo::testing::message_of;
using elbo::testing::TemporaryFolder;
using elbo::testing::write_bytes;
namespace fs = std::filesystem;

TEST(LineLog, AppendsAndReopens) {
    const TemporaryFolder folder;
    {
        LineLog log(folder / "log");
        log.append("one");
        log.append("");
        EXPECT_EQ(log.bytes(), 5u);
        EXPECT_EQ(read_text(folder / "log"), "one\n\n");
    }
    LineLog log(folder / "log");
    EXPECT_EQ(log.bytes(), 5u);
    log.append("two");
    EXPECT_EQ(read_text(folder / "log"), "one\n\ntwo\n");
    EXPECT_THROW(log.append("two\nlines"), Error);
}

TEST(LineLog, CutsATornLastLine) {
    const TemporaryFolder folder;
    const std::string long_line(10'000, 'x');
    for (const std::string& torn : {std::string("{\"kind\": \"tr"), long_line}) {
        write_bytes(folder / "log", "one\ntwo\n" + torn);
        LineLog log(folder / "log");
        EXPECT_EQ(log.bytes(), 8u);
        log.append("three");
        EXPECT_EQ(read_text(folder / "log"), "one\ntwo\nthree\n");
    }
    write_bytes(folder / "log", std::string_view("no line at all"));
    EXPECT_EQ(LineLog(folder / "log").bytes(), 0u);
}

TEST(LineLog, CutsToTheBytesOfACheckpoint) {
    const TemporaryFolder folder;
    LineLog log(folder / "log");
    log.append("one");
    const std::size_t kept = log.bytes();
    log.append("two");
    log.append("three");
    log.cut(kept);
    EXPECT_EQ(read_text(folder / "log"), "one\n");
    log.cut(1000); // more than there is: nothing to cut
    log.append("four");
    EXPECT_EQ(read_text(folder / "log"), "one\nfour\n");
    log.cut(6); // within a line: that line goes
    EXPECT_EQ(read_text(folder / "log"), "one\n");
}

TEST(LineLog, AFailedAppendLeavesWholeLines) {
    const TemporaryFolder folder;
    LineLog log(folder / "log");
    log.append("one");
    {
        const FileSizeLimit limit(10);
        log.append("longer than that");
        EXPECT_CONTAINS(log.trouble(), "log: cannot be appended to: File too large");
        EXPECT_EQ(read_text(folder / "log"), "one\n");
        log.append("and another");
        EXPECT_FALSE(log.flush());
        EXPECT_EQ(log.bytes(), 4u + 17 + 12);
    }
    EXPECT_EQ(read_text(folder / "log"), "one\n");
    log.append("two");
    EXPECT_EQ(log.trouble(), "");
    EXPECT_EQ(read_text(folder / "log"), "one\nlonger than that\nand another\ntwo\n");
    EXPECT_EQ(log.bytes(), read_text(folder / "log").size());
}

TEST(LineLog, WritesWhatFitsAndTheRestAtItsEnd) {
    const TemporaryFolder folder;
    {
        LineLog log(folder / "log");
        const FileSizeLimit limit(9);
        log.append("one");
        log.append("four");
        log.append("six");
        EXPECT_EQ(read_text(folder / "log"), "one\nfour\n");
        log.append("");
        EXPECT_EQ(read_text(folder / "log"), "one\nfour\n");
        EXPECT_THROW(log.cut(0), Error);
    }
    EXPECT_EQ(read_text(folder / "log"), "one\nfour\nsix\n\n");
}

TEST(LineLog, KeepsABoundedNumberOfLinesInMemory) {
    const TemporaryFolder folder;
    LineLog log(folder / "log");
    const std::string line(999, 'x');
    {
        const FileSizeLimit limit(0);
        for (int i = 0; i < 6000; ++i) log.append(line);
        const std::size_t kept = (4 << 20) / 1000;
        EXPECT_EQ(log.dropped(), 6000 - kept);
        EXPECT_EQ(log.bytes(), kept * 1000);
    }
    EXPECT_TRUE(log.flush());
    EXPECT_EQ(fs::file_size(folder / "log"), log.bytes());
}

TEST(LineLog, OpeningStillThrows) {
    const TemporaryFolder folder;
    EXPECT_CONTAINS(message_of<Error>([&] { LineLog(folder / "none" / "log"); }), "its folder does not exist");
}

} // namespace
} // namespace elbo::storage
