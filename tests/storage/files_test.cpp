// Files that appear whole or not at all, links, and what is left of those that did not.
#include "storage/files.hpp"

#include "base/error.hpp"
#include "storage/file_size_limit.hpp"
#include "storage/posix.hpp"
#include "support/files.hpp"

#include <thread>
#include <vector>

namespace elbo::storage {
namespace {

using elbo::testing::message_of;
using elbo::testing::TemporaryFolder;
using elbo::testing::write_bytes;
namespace fs = std::filesystem;

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
    EXPECT_CONTAINS(message, "its folder does not exist");
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

TEST(MakeFolders, MakesThemAll) {
    const TemporaryFolder folder;
    make_folders(folder / "a" / "b" / "c");
    EXPECT_TRUE(fs::is_directory(folder / "a" / "b" / "c"));
    make_folders(folder / "a" / "b");
    EXPECT_EQ(existing_part(folder / "a" / "x" / "y"), folder / "a");
    EXPECT_EQ(existing_part("there/is/none"), ".");
}

TEST(MakeFolders, SayWhatStandsInTheWay) {
    const TemporaryFolder folder;
    write_bytes(folder / "file", std::string_view("1"));
    fs::create_symlink("gone", folder / "link");
    const fs::path below = folder / "file" / "run" / "checkpoints";
    const std::string message = message_of<InputError>([&] { make_folders(below); });
    EXPECT_EQ(message, fmt::format("{}: the folder cannot be made: {} is a file, expected a folder", below.string(),
                                   (folder / "file").string()));
    EXPECT_EQ(message_of<InputError>([&] { make_folders(folder / "file"); }),
              (folder / "file").string() + ": is a file, expected a folder");
    EXPECT_CONTAINS(message_of<InputError>([&] { make_folders(folder / "link" / "run"); }),
                    "link is a link to gone, which does not exist");
    EXPECT_CONTAINS(message_of<InputError>([&] { make_folders("/proc/none/run"); }), "/proc takes no new folders");
    EXPECT_CONTAINS(message_of<InputError>([&] { make_folders(folder / std::string(300, 'x')); }), "name too long");
    EXPECT_EQ(folder.names(), (std::vector<std::string>{"file", "link"}));
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

TEST(WriteWhole, ThreadsDoNotMeetUnderTemporaryNames) {
    const TemporaryFolder folder;
    std::vector<std::thread> threads;
    for (const char letter : {'a', 'b', 'c', 'd'}) {
        threads.emplace_back([&, letter] {
            for (int i = 0; i < 50; ++i) write_whole(folder / "shared", std::string(10'000, letter));
        });
    }
    for (std::thread& thread : threads) thread.join();
    const std::string text = read_text(folder / "shared");
    EXPECT_EQ(text, std::string(10'000, text.at(0)));
    EXPECT_EQ(folder.names(), std::vector<std::string>{"shared"});
}

TEST(RemoveTemporaries, TakesWhatKilledProcessesLeftAndNothingElse) {
    const TemporaryFolder folder;
    for (const char* name : {".step-1.h5.tmp-12-1", ".latest.h5.tmp-12", "step-1.h5", ".hidden", "notes.tmp-1"})
        write_bytes(folder / name, std::string_view("x"));
    fs::create_symlink("step-1.h5", folder / ".best.h5.tmp-12-7");
    fs::create_directory(folder / ".folder.tmp-1");
    write_bytes(folder / ".lock.tmp-claim-1", std::string_view("the lock's own"));
    remove_temporaries(folder.path());
    EXPECT_EQ(folder.names(),
              (std::vector<std::string>{".folder.tmp-1", ".hidden", ".lock.tmp-claim-1", "notes.tmp-1", "step-1.h5"}));
    EXPECT_NO_THROW(remove_temporaries(folder / "none"));
}

} // namespace
} // namespace elbo::storage
