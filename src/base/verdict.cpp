#include "base/verdict.hpp"

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <new>

namespace elbo {

bool is_wrong_path(int code) { return code != ENOSPC && code != EDQUOT && code != EIO && code != ENOMEM; }

void complain(const std::string& message) noexcept {
    std::fputs("elbo: ", stderr);
    std::fwrite(message.data(), 1, message.size(), stderr);
    std::fputc('\n', stderr);
}

Verdict verdict_of(const std::exception& error) {
    if (const auto* own = dynamic_cast<const Error*>(&error)) return {own->what(), own->status()};
    if (const auto* system = dynamic_cast<const std::filesystem::filesystem_error*>(&error))
        return {fmt::format("{}: {}", system->path1().string(), system->code().message()),
                is_wrong_path(system->code().value()) ? Exit::wrong_input : Exit::failure};
    if (dynamic_cast<const std::bad_alloc*>(&error))
        return {"memory ran out; give each rank more of it, or start fewer ranks on a host", Exit::failure};
    return {error.what(), Exit::failure};
}

} // namespace elbo
