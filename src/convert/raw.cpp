// Raw binary: the numbers of one row after the other and nothing else, of a shape and type that the user knows.
#include "base/error.hpp"
#include "convert/convert.hpp"
#include "convert/elements.hpp"
#include "convert/row_files.hpp"

#include <bit>

namespace elbo::convert {

namespace {

class RawSource : public Source {
public:
    explicit RawSource(const Request& request)
        : swap_(request.big_endian == (std::endian::native == std::endian::little)) {
        if (!request.shape || !request.type)
            reject("--from raw: a file of bare numbers needs --shape of a row and --type, as in --shape 28x28 --type "
                   "uint8");
        const Field field = {"x", *request.shape, *request.type, {}};
        for (const std::string& source : request.sources) files_.add(source, 0, checked_row_bytes(field));
        parts_ = {{"", files_.rows(), {field}}};
    }

    const std::vector<Part>& parts() const override { return parts_; }
    bool divisible() const override { return true; }

    std::vector<Bad> read(std::size_t, std::size_t begin, std::size_t,
                          std::span<const std::span<std::byte>> rows) override {
        files_.read(begin, rows[0]);
        if (swap_) swap_bytes(storage::bytes_of(parts_[0].fields[0].type), rows[0]);
        return {};
    }

private:
    static std::size_t checked_row_bytes(const Field& field) {
        constexpr std::size_t most = std::size_t{1} << 40;
        std::size_t bytes = storage::bytes_of(field.type);
        for (const std::size_t extent : field.shape)
            if (__builtin_mul_overflow(bytes, extent, &bytes) || bytes > most)
                reject("--shape {}: a row of more than a tebibyte", describe(field.shape));
        return bytes;
    }

    bool swap_;
    RowFiles files_;
    std::vector<Part> parts_;
};

std::unique_ptr<Source> open_raw(const Request& request) { return std::make_unique<RawSource>(request); }

} // namespace

Format raw_format() {
    return {"raw",
            "bare numbers, with --from raw --shape 28x28 --type uint8",
            [](const std::string&) { return false; },
            open_raw,
            {"--shape", "--big-endian"}};
}

} // namespace elbo::convert
