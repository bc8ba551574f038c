// Files that appear whole or not at all, links, logs and locks.
#include "storage/files.hpp"

#include "base/error.hpp"
#include "support/files.hpp"

#include <csignal>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace elbo::storage {
namespace {

using elbo::testing::bytes_of_file;
using elbo::testing::message_of;
using elbo::testing::TemporaryFolder;
using elbo::testing::write_bytes;
namespace fs = std::filesystem;

/// Lets files of this process grow to `bytes` and no further, as a full disk would.
class FileSizeLimit {
public:
    explicit FileSizeLimit(rlim_t bytes) {
        ::getrlimit(RLIMIT_FSIZE, &before_);
        handler_ = std::signal(SIGXFSZ, SIG_IGN);
        const rlimit limit{bytes, before_.rlim_max};
        ::setrlimit(RLIMIT_FSIZE, &limit);
    }
    ~FileSizeLimit() {
        ::setrlimit(RLIMIT_FSIZE, &before_);
        std::signal(SIGXFSZ, handler_);
    }

private:
    rlimit before_{};
    void (*handler_)(int) = nullptr;
};

TEST(WriteWhole, WritesAndReplaces) {
    const TemporaryFolder folder;
    write_whole(folder / "a", std::string_view("first"));
    EXPECT_EQ(read_text(folder / "a"), "first");
    std::string large(3'000'000, 'x');
    large += "end";
    write_whole(folder / "a", large);
    EXPECT_EQ(read_text(folder / "a"), large);
    write_whole(folder / "a", std::string_view());
    EXPECT_EQ(read_text(folder / "a"), "");
    EXPECT_EQ(folder.names(), std::vector<std::string>{"a"});
}

TEST(WriteWhole, NamesPathAndReasonAndLeavesNothing) {
    const TemporaryFolder folder;
    const fs::path missing = folder / "none" / "a";
    const std::string message = message_of<Error>([&] { write_whole(missing, std::string_view("text")); });
    EXPECT_CONTAINS(message, missing.string());
    EXPECT_CONTAINS(message, "No such file or directory");
    EXPECT_TRUE(folder.names().empty());

    fs::create_directories(folder / "taken" / "inside");
    EXPECT_CONTAINS(message_of<Error>([&] { write_whole(folder / "taken", std::string_view("text")); }),
                    (folder / "taken").string());
    EXPECT_EQ(folder.names(), std::vector<std::string>{"taken"});
}

TEST(WriteWhole, FailingHalfwayKeepsTheOldFile) {
    const TemporaryFolder folder;
    write_whole(folder / "a", std::string_view("old"));
    {
        const FileSizeLimit limit(100'000);
        EXPECT_CONTAINS(message_of<Error>([&] { write_whole(folder / "a", std::string(300'000, 'x')); }),
                        "File too large");
    }
    EXPECT_EQ(read_text(folder / "a"), "old");
    EXPECT_EQ(folder.names(), std::vector<std::string>{"a"});
}

TEST(ReplaceLink, PointsToTheNewTarget) {
    const TemporaryFolder folder;
    write_bytes(folder / "one", std::string_view("1"));
    write_bytes(folder / "two", std::string_view("2"));
    replace_link(folder / "latest", "one");
    EXPECT_EQ(read_text(folder / "latest"), "1");
    replace_link(folder / "latest", "two");
    EXPECT_EQ(read_text(folder / "latest"), "2");
    EXPECT_EQ(fs::read_symlink(folder / "latest"), "two");
    EXPECT_EQ(folder.names(), (std::vector<std::string>{"latest", "one", "two"}));
    EXPECT_CONTAINS(message_of<Error>([&] { replace_link(folder / "none" / "latest", "one"); }), "none/latest");
}

TEST(ReadText, RefusesWhatIsNoFile) {
    const TemporaryFolder folder;
    EXPECT_CONTAINS(message_of<InputError>([&] { read_text(folder / "none"); }), "No such file");
    EXPECT_CONTAINS(message_of<InputError>([&] { read_text(folder.path()); }), "Is a directory");
}

TEST(PendingFile, GoesUnlessCommitted) {
    const TemporaryFolder folder;
    {
        const PendingFile pending(folder / "a");
        write_bytes(pending.path(), std::string_view("half"));
        EXPECT_EQ(folder.names().size(), 1u);
    }
    EXPECT_TRUE(folder.names().empty());
    PendingFile pending(folder / "a");
    write_bytes(pending.path(), std::string_view("whole"));
    pending.commit();
    EXPECT_EQ(folder.names(), std::vector<std::string>{"a"});
    EXPECT_EQ(read_text(folder / "a"), "whole");
}

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
        EXPECT_CONTAINS(message_of<Error>([&] { log.append("longer than that"); }), "File too large");
    }
    EXPECT_EQ(read_text(folder / "log"), "one\n");
    log.append("two");
    EXPECT_EQ(read_text(folder / "log"), "one\ntwo\n");
}

TEST(FolderLock, RefusesASecondHolder) {
    const TemporaryFolder folder;
    {
        const FolderLock first(folder.path());
        const std::string message = message_of<InputError>([&] { FolderLock second(folder.path()); });
        EXPECT_CONTAINS(message, "another elbo works in this folder");
        EXPECT_CONTAINS(message, folder.path().string());
        EXPECT_CONTAINS(message, "process " + std::to_string(::getpid()));
    }
    EXPECT_NO_THROW(FolderLock(folder.path()));
    EXPECT_THROW(FolderLock(folder / "none"), Error);
}

TEST(FolderLock, IsGivenUpWhenItsProcessDies) {
    const TemporaryFolder folder;
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        const FolderLock lock(folder.path());
        ::_exit(0); // no destructor runs
    }
    ::waitpid(child, nullptr, 0);
    EXPECT_NO_THROW(FolderLock(folder.path()));
}

} // namespace
} // namespace elbo::storage
