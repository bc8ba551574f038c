// Locks of folders: who is refused, what is stale, that one comer wins, and that a lost lock is noticed.
#include "storage/folder_lock.hpp"

#include "base/error.hpp"
#include "storage/files.hpp"
#include "storage/lock_file.hpp"
#include "support/files.hpp"

#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <functional>
#include <memory>
#include <optional>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace elbo::storage {
namespace {

using elbo::testing::message_of;
using elbo::testing::TemporaryFolder;
using elbo::testing::write_bytes;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr FolderLockOptions quick{20ms, 1000ms};

/// Runs call in a process of its own, which then ends without destructors; returns its exit status.
int in_child(const std::function<int()>& call) {
    const pid_t child = ::fork();
    if (child == 0) {
        int status = 99;
        try {
            status = call();
        } catch (const InputError&) {
            status = 2;
        } catch (const std::exception&) {
            status = 1;
        }
        ::_exit(status);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WEXITSTATUS(status);
}

/// Writes a lock as another process would have.
LockOwner foreign(const TemporaryFolder& folder, const std::function<void(LockOwner&)>& change) {
    LockOwner owner = this_process();
    change(owner);
    write_bytes(folder / "lock", to_text(owner));
    return owner;
}

void age(const fs::path& file, std::chrono::seconds by) {
    struct stat status;
    ASSERT_EQ(::stat(file.c_str(), &status), 0);
    status.st_mtim.tv_sec -= by.count();
    const timespec times[2] = {status.st_mtim, status.st_mtim};
    ASSERT_EQ(::utimensat(AT_FDCWD, file.c_str(), times, 0), 0);
}

bool wait_for(const std::function<bool()>& condition) {
    for (int i = 0; i < 500 && !condition(); ++i) std::this_thread::sleep_for(10ms);
    return condition();
}

class Variable {
public:
    Variable(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
    ~Variable() { ::unsetenv(name_); }

private:
    const char* name_;
};

TEST(LockOwner, RoundTrip) {
    const Variable job("SLURM_JOB_ID", "345"), restarts("SLURM_RESTART_COUNT", "2");
    const LockOwner mine = this_process();
    EXPECT_EQ(mine.process, ::getpid());
    EXPECT_FALSE(mine.started.empty());
    EXPECT_EQ(mine.job_restarts, 2);
    const LockOwner again = parse_owner(to_text(mine));
    EXPECT_EQ(to_text(again), to_text(mine));
    EXPECT_NE(this_process().token, mine.token);
    EXPECT_CONTAINS(describe(mine), "Slurm job 345");
    // Cut anywhere, it is no owner: the token comes last.
    const std::string text = to_text(mine);
    for (std::size_t length = 0; length < text.size(); ++length)
        EXPECT_EQ(parse_owner(text.substr(0, length)).token, "") << length;
}

TEST(FolderLock, RefusesASecondHolder) {
    const TemporaryFolder folder;
    {
        const FolderLock first(folder.path());
        const std::string message = message_of<InputError>([&] { FolderLock second(folder.path()); });
        EXPECT_CONTAINS(message, "another elbo works in this folder");
        EXPECT_CONTAINS(message, folder.path().string());
        EXPECT_CONTAINS(message, "process " + std::to_string(::getpid()));
        EXPECT_CONTAINS(message, "wait for it, or choose another output");
        EXPECT_CONTAINS(message, "try again in 2 min");
        EXPECT_EQ(in_child([&] { return FolderLock(folder.path()).lost() ? 3 : 0; }), 2);
        EXPECT_EQ(folder.names(), std::vector<std::string>{"lock"});
    }
    EXPECT_TRUE(folder.names().empty());
    EXPECT_NO_THROW(FolderLock(folder.path()));
    EXPECT_CONTAINS(message_of<Error>([&] { FolderLock(folder / "none"); }), "does not exist");
}

TEST(FolderLock, IsGivenUpWhenItsProcessDies) {
    const TemporaryFolder folder;
    ASSERT_EQ(in_child([&] {
                  new FolderLock(folder.path());
                  return 7;
              }),
              7);
    EXPECT_EQ(folder.names(), std::vector<std::string>{"lock"});
    EXPECT_NO_THROW(FolderLock(folder.path()));
    EXPECT_TRUE(folder.names().empty());
}

TEST(FolderLock, AZombieHoldsNoLock) {
    const TemporaryFolder folder;
    const pid_t child = ::fork();
    if (child == 0) {
        try {
            new FolderLock(folder.path());
            write_bytes(folder / "ready", std::string_view("x"));
        } catch (...) {
        }
        ::raise(SIGKILL);
    }
    ASSERT_TRUE(wait_for([&] { return fs::exists(folder / "ready"); }));
    EXPECT_TRUE(wait_for([&] {
        try {
            FolderLock lock(folder.path());
            return true;
        } catch (const InputError&) {
            return false;
        }
    }));
    ::waitpid(child, nullptr, 0);
}

TEST(FolderLock, AProcessIdThatCameAgainIsNotTheHolder) {
    const TemporaryFolder folder;
    foreign(folder, [](LockOwner& owner) { owner.started = "1"; });
    EXPECT_NO_THROW(FolderLock(folder.path()));
    // In another container, or before the host's last start, the same id says nothing.
    for (const auto& change : std::vector<std::function<void(LockOwner&)>>{
             [](LockOwner& owner) { owner.pid_namespace = "pid:[1]"; },
             [](LockOwner& owner) { owner.boot = "00000000-0000-0000-0000-000000000000"; },
             [](LockOwner& owner) { owner.boot.clear(); }}) {
        foreign(folder, [&](LockOwner& owner) {
            owner.started = "1";
            change(owner);
        });
        EXPECT_THROW(FolderLock(folder.path()), InputError);
        age(folder / "lock", 119s);
        EXPECT_THROW(FolderLock(folder.path()), InputError);
        age(folder / "lock", 2s);
        EXPECT_NO_THROW(FolderLock(folder.path()));
    }
}

TEST(FolderLock, TheSameSlurmJobRequeuedTakesOver) {
    const TemporaryFolder folder;
    const auto other_host = [](LockOwner& owner) {
        owner.host = "node7";
        owner.boot = "another";
    };
    const auto before = [&](const char* job, const char* restarts) {
        const Variable id("SLURM_JOB_ID", job), count("SLURM_RESTART_COUNT", restarts);
        foreign(folder, other_host);
    };
    const Variable id("SLURM_JOB_ID", "345"), count("SLURM_RESTART_COUNT", "1");
    before("345", "0");
    ::setenv("SLURM_JOB_ID", "345", 1);
    ::setenv("SLURM_RESTART_COUNT", "1", 1);
    EXPECT_NO_THROW(FolderLock(folder.path()));
    for (const char* job : {"345", "346"}) {
        before(job, job == std::string("345") ? "1" : "0");
        ::setenv("SLURM_JOB_ID", "345", 1);
        ::setenv("SLURM_RESTART_COUNT", "1", 1);
        const std::string message = message_of<InputError>([&] { FolderLock lock(folder.path()); });
        EXPECT_CONTAINS(message, std::string("on node7 since "));
        EXPECT_CONTAINS(message, std::string("Slurm job ") + job);
        EXPECT_CONTAINS(message, "if node7 is dead: try again in");
    }
}

TEST(FolderLock, UnknownKindsAreJudgedBySilence) {
    const TemporaryFolder folder;
    for (const char* text : {"", "process 1 on nowhere\n", "elbo lock\nhost a\ntoken ../../x\n", "\x01\x02garbage"}) {
        write_bytes(folder / "lock", std::string_view(text));
        age(folder / "lock", 60s);
        const std::string message = message_of<InputError>([&] { FolderLock lock(folder.path()); });
        EXPECT_CONTAINS(message, "last sign of life 1 min 00 s ago");
        EXPECT_CONTAINS(message, "try again in 1 min 01 s");
        age(folder / "lock", 61s);
        EXPECT_NO_THROW(FolderLock(folder.path()));
        EXPECT_TRUE(folder.names().empty());
    }
}

TEST(FolderLock, SilenceIsCountedByTheFileServersClock) {
    // A lock touched in the future of every clock has been silent for no time at all.
    const TemporaryFolder folder;
    foreign(folder, [](LockOwner& owner) { owner.boot = "another"; });
    age(folder / "lock", -3600s);
    EXPECT_CONTAINS(message_of<InputError>([&] { FolderLock lock(folder.path()); }), "sign of life 0");
}

TEST(FolderLock, TheHeartbeatKeepsItAlive) {
    const TemporaryFolder folder;
    const FolderLock lock(folder.path(), quick);
    age(folder / "lock", 3600s);
    std::this_thread::sleep_for(200ms);
    EXPECT_THROW(FolderLock(folder.path(), quick), InputError);
    EXPECT_FALSE(lock.lost());
    EXPECT_EQ(lock.lost_to(), "");
}

TEST(FolderLock, ALostLockIsNoticedAndLeftAlone) {
    const TemporaryFolder folder;
    auto lock = std::make_unique<FolderLock>(folder.path(), quick);
    const LockOwner other = foreign(folder, [](LockOwner& owner) { owner.host = "node9"; });
    EXPECT_TRUE(wait_for([&] { return lock->lost(); }));
    EXPECT_CONTAINS(lock->lost_to(), "on node9 since ");
    lock.reset();
    EXPECT_EQ(read_text(folder / "lock"), to_text(other));

    fs::remove(folder / "lock");
    const FolderLock removed(folder.path(), quick);
    fs::remove(folder / "lock");
    EXPECT_TRUE(wait_for([&] { return removed.lost(); }));
    EXPECT_CONTAINS(removed.lost_to(), "was removed");
}

TEST(FolderLock, ARemovedFolderIsQuietUntilAnotherWorksThere) {
    const TemporaryFolder folder;
    const fs::path run = folder / "run";
    fs::create_directory(run);
    const FolderLock lock(run, quick);
    fs::remove_all(run);
    std::this_thread::sleep_for(200ms);
    EXPECT_FALSE(lock.lost());
    fs::create_directory(run);
    std::this_thread::sleep_for(200ms);
    EXPECT_FALSE(lock.lost());
    const FolderLock other(run, quick);
    EXPECT_TRUE(wait_for([&] { return lock.lost(); }));
    EXPECT_FALSE(other.lost());
}

TEST(FolderLock, ARenamedFolderGivesItsLockBack) {
    const TemporaryFolder folder;
    fs::create_directory(folder / "run");
    {
        const FolderLock lock(folder / "run", quick);
        fs::rename(folder / "run", folder / "run.1");
        std::this_thread::sleep_for(100ms);
        EXPECT_FALSE(lock.lost());
    }
    EXPECT_TRUE(fs::is_empty(folder / "run.1"));
}

TEST(FolderLock, ASuspendedHolderLosesItAndNoticesWhenItGoesOn) {
    const TemporaryFolder folder;
    const pid_t child = ::fork();
    if (child == 0) {
        const FolderLock lock(folder.path(), quick);
        write_bytes(folder / "ready", std::string_view("x"));
        ::_exit(wait_for([&] { return lock.lost(); }) ? 7 : 8);
    }
    ASSERT_TRUE(wait_for([&] { return fs::exists(folder / "ready"); }));
    ::kill(child, SIGSTOP);
    std::this_thread::sleep_for(1200ms);
    {
        const FolderLock lock(folder.path(), quick);
        ::kill(child, SIGCONT);
        int status = 0;
        ::waitpid(child, &status, 0);
        EXPECT_EQ(WEXITSTATUS(status), 7);
        EXPECT_FALSE(lock.lost());
    }
    EXPECT_EQ(folder.names(), std::vector<std::string>{"ready"});
}

TEST(FolderLock, OfManyComersExactlyOneTakesAStaleLock) {
    for (int round = 0; round < 30; ++round) {
        const TemporaryFolder folder;
        const int kind = round % 3;
        if (kind == 0) foreign(folder, [](LockOwner& owner) { owner.started = "1"; });
        if (kind == 1) write_bytes(folder / "lock", std::string_view());
        if (kind == 1) age(folder / "lock", 3600s);
        std::vector<pid_t> children;
        int go[2];
        ASSERT_EQ(::pipe(go), 0);
        for (int i = 0; i < 6; ++i) {
            children.push_back(::fork());
            if (children.back() != 0) continue;
            char start = 0;
            ::close(go[1]);
            if (::read(go[0], &start, 1) < 0) ::_exit(9);
            int winners = 0;
            std::optional<FolderLock> lock;
            try {
                lock.emplace(folder.path());
                winners = 1;
                std::this_thread::sleep_for(100ms); // longer than any other may still try
            } catch (const InputError&) {
            } catch (...) {
                winners = 5;
            }
            ::_exit(winners); // leaves its lock
        }
        ::close(go[0]);
        ::close(go[1]);
        int winners = 0;
        for (const pid_t child : children) {
            int status = 0;
            ::waitpid(child, &status, 0);
            winners += WEXITSTATUS(status);
        }
        EXPECT_EQ(winners, 1) << "round " << round;
        EXPECT_EQ(folder.names(), std::vector<std::string>{"lock"});
    }
}

TEST(FolderLock, HoldersOneAfterAnotherNeverOverlap) {
    // Threads take and give back for a while; a counter under the lock sees two at once.
    const TemporaryFolder folder;
    std::atomic<int> inside = 0, overlaps = 0, taken = 0;
    const auto end = std::chrono::steady_clock::now() + 1s;
    std::vector<std::thread> threads;
    for (int i = 0; i < 6; ++i) {
        threads.emplace_back([&] {
            while (std::chrono::steady_clock::now() < end) {
                try {
                    const FolderLock lock(folder.path());
                    if (++inside != 1) ++overlaps;
                    ++taken;
                    std::this_thread::yield();
                    --inside;
                } catch (const InputError&) {
                    std::this_thread::sleep_for(1ms);
                }
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(overlaps, 0);
    EXPECT_GT(taken, 20);
    EXPECT_TRUE(folder.names().empty());
}

TEST(FolderLock, AClaimWhoseMakerDiedStopsNobody) {
    const TemporaryFolder folder;
    const LockOwner dead = foreign(folder, [](LockOwner& owner) { owner.started = "1"; });
    LockOwner claimant = this_process();
    claimant.started = "2";
    write_bytes(folder / (".lock.tmp-claim-" + dead.token), to_text(claimant));
    write_bytes(folder / ".lock.tmp-new-1", to_text(claimant));
    EXPECT_NO_THROW(FolderLock(folder.path()));
    EXPECT_TRUE(folder.names().empty());
}

} // namespace
} // namespace elbo::storage
