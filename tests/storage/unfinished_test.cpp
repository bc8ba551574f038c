// What is being written when a signal ends the process.
#include "storage/files.hpp"

#include "support/files.hpp"

#include <csignal>
#include <sys/wait.h>
#include <unistd.h>

namespace elbo::storage {
namespace {

/// The signal that ends a child that writes two files and is sent `signal` meanwhile.
int end_of_writer(const std::filesystem::path& folder, int signal, sighandler_t before) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::signal(signal, before);
        const PendingFile one(folder / "one"), two(folder / "two");
        for (const PendingFile* file : {&one, &two}) testing::write_bytes(file->path(), std::string_view("half"));
        ::raise(signal);
        ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

TEST(Unfinished, ASignalThatEndsTheProcessLeavesNothing) {
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) {
        const testing::TemporaryFolder folder;
        EXPECT_EQ(end_of_writer(folder.path(), signal, SIG_DFL), signal) << "ended by it, as without files";
        EXPECT_TRUE(folder.names().empty()) << folder.names().front();
    }
}

TEST(Unfinished, ASignalThatIsTakenIsLeftToItsOwner) {
    const testing::TemporaryFolder folder;
    EXPECT_EQ(end_of_writer(folder.path(), SIGTERM, SIG_IGN), 0);
    EXPECT_EQ(folder.names().size(), 2u) << "_exit() runs no destructor";
}

TEST(Unfinished, ManyAtOnceAndOneAfterTheOther) {
    const testing::TemporaryFolder folder;
    {
        std::vector<std::unique_ptr<PendingFile>> files;
        for (int i = 0; i < 20; ++i) {
            files.push_back(std::make_unique<PendingFile>(folder / std::to_string(i)));
            testing::write_bytes(files.back()->path(), std::string_view("x"));
        }
        files[3]->commit();
    }
    EXPECT_EQ(folder.names(), std::vector<std::string>{"3"});
    EXPECT_EQ(end_of_writer(folder.path(), SIGTERM, SIG_DFL), SIGTERM);
    EXPECT_EQ(folder.names(), std::vector<std::string>{"3"}) << "places are given back";
}

} // namespace
} // namespace elbo::storage
