// What an error of any kind comes to where a rank or the program ends by it.
#pragma once

#include "base/error.hpp"

#include <exception>
#include <string>

namespace elbo {

/// What the user is told, and the exit status.
struct Verdict {
    std::string message;
    Exit status = Exit::done;
};

/// Of elbo's own errors as they say; the file system's begin with the path, and are wrong input but for a disk that is
/// full or fails; where memory ran out, what makes it suffice.
Verdict verdict_of(const std::exception& error);

/// "elbo: MESSAGE" and a newline on standard error; also where that is closed or full, which nobody can be told.
void complain(const std::string& message) noexcept;

/// Whether the system's error lies in what a path names, not in the device below it: exit status 2.
bool is_wrong_path(int code);

} // namespace elbo
