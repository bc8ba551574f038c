// The two kinds of error that elbo throws, and the exit status that each ends in.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace elbo {

/// Exit status of the program, and of a run in its status.json.
enum class Exit : int { done = 0, failure = 1, wrong_input = 2, diverged = 3, stopped_early = 75 };

/// Anything that went wrong; exit status 1 unless a derived class says otherwise. The message is one sentence that a
/// user can act on: what, where, found, expected.
class Error : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
    virtual Exit status() const noexcept { return Exit::failure; }
};

/// The user's input is wrong (configuration, data, arguments): exit status 2.
class InputError : public Error {
public:
    using Error::Error;
    Exit status() const noexcept override { return Exit::wrong_input; }
};

/// Training diverged, a figure is not finite: exit status 3.
class DivergenceError : public Error {
public:
    using Error::Error;
    Exit status() const noexcept override { return Exit::diverged; }
};

/// Throws Error with a formatted message.
template <class... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
    throw Error(fmt::format(format, std::forward<Args>(args)...));
}

/// Throws InputError with a formatted message.
template <class... Args>
[[noreturn]] void reject(fmt::format_string<Args...> format, Args&&... args) {
    throw InputError(fmt::format(format, std::forward<Args>(args)...));
}

} // namespace elbo
