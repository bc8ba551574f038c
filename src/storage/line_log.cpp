#include "storage/line_log.hpp"

#include "base/error.hpp"

namespace elbo::storage {

LineLog::LineLog(const std::filesystem::path& path) : log_(path) { cut(bytes()); }

void LineLog::append(std::string_view line) {
    if (line.find('\n') != std::string_view::npos) fail("{}: a line of a log holds a newline", log_.path().string());
    log_.append(std::string(line) + '\n');
}

} // namespace elbo::storage
