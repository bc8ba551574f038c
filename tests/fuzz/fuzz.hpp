// What fuzz targets of sources share: the input as a file, and reading all that a format finds in it.
#pragma once

#include "base/error.hpp"
#include "convert/formats.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

namespace elbo::testing {

/// Bytes as a file in memory.
class FileInMemory {
public:
    FileInMemory(const std::uint8_t* data, std::size_t size) : file_(::memfd_create("fuzz", MFD_CLOEXEC)) {
        if (file_ < 0 || ::write(file_, data, size) != static_cast<ssize_t>(size)) std::abort();
    }
    ~FileInMemory() { ::close(file_); }
    FileInMemory(const FileInMemory&) = delete;
    FileInMemory& operator=(const FileInMemory&) = delete;
    std::string path() const { return "/proc/self/fd/" + std::to_string(file_); }

private:
    int file_;
};

/// Opens the sources and reads the first rows of each part as a conversion would. InputError is what refusals are;
/// anything else ends the process.
inline void read_all(const convert::Format& format, convert::Request request) {
    constexpr std::size_t enough_bytes = 4 << 20;
    request.output = "/tmp/fuzz.h5";
    try {
        const auto source = format.open(request);
        for (std::size_t part = 0; part < source->parts().size(); ++part) {
            const auto& [name, items, fields] = source->parts()[part];
            std::size_t row_bytes = 0;
            for (const convert::Field& field : fields) row_bytes += field.row_bytes();
            if (row_bytes > enough_bytes) continue;
            const std::size_t step = 7, most = std::min(items, enough_bytes / std::max<std::size_t>(row_bytes, 1));
            for (std::size_t begin = 0; begin < most; begin += step) {
                const std::size_t count = std::min(step, most - begin);
                std::vector<std::vector<std::byte>> rows;
                std::vector<std::span<std::byte>> places;
                for (const convert::Field& field : fields) rows.emplace_back(count * field.row_bytes());
                for (auto& bytes : rows) places.emplace_back(bytes);
                for (const convert::Bad& bad : source->read(part, begin, count, places))
                    if (bad.item < begin || bad.item >= begin + count || bad.reason.empty()) std::abort();
            }
        }
    } catch (const InputError&) {
    }
}

} // namespace elbo::testing
