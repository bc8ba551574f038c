#include "base/thread.hpp"

#include "base/error.hpp"

#include <cerrno>
#include <csignal>
#include <system_error>
#include <utility>

namespace elbo {
namespace {

/// A thread made while this lives is made with every signal blocked but those that its own instructions raise.
class SignalsBlocked {
public:
    SignalsBlocked() {
        sigset_t others;
        sigfillset(&others);
        for (const int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP}) sigdelset(&others, own);
        pthread_sigmask(SIG_SETMASK, &others, &before_);
    }
    ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    SignalsBlocked(const SignalsBlocked&) = delete;
    SignalsBlocked& operator=(const SignalsBlocked&) = delete;

private:
    sigset_t before_;
};

} // namespace

std::thread start_thread(const std::string& purpose, std::function<void()> work) {
    try {
        const SignalsBlocked blocked;
        return std::thread(std::move(work));
    } catch (const std::system_error& error) {
        const bool limit = error.code().value() == EAGAIN;
        fail("no thread can be started {}: {}{}", purpose, error.code().message(),
             limit ? "; the limit of processes (ulimit -u, or the job's own) is in the way: raise it, or start fewer "
                     "ranks on a host"
                   : "");
    }
}

} // namespace elbo
