// Names of files that are being written, so that a signal that ends the process leaves none of them behind.
#pragma once

#include <filesystem>

namespace elbo::storage {

/// A name that SIGINT, SIGTERM, SIGHUP and SIGUSR1 (to which launchers turn the others) remove before they end the
/// process as they would have done, where nobody else takes them (a training does). A few names at once; more, and very
/// long ones, are left to what destructors remove.
class Unfinished {
public:
    explicit Unfinished(const std::filesystem::path& path);
    ~Unfinished();
    Unfinished(const Unfinished&) = delete;
    Unfinished& operator=(const Unfinished&) = delete;

private:
    int place_ = -1; ///< in the table; none where there is no room
};

} // namespace elbo::storage
