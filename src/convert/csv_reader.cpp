#include "convert/csv_reader.hpp"

#include "base/error.hpp"
#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

namespace elbo::convert {

namespace {

/// Of a row: a quote that nobody closes would take the rest of the file into memory.
constexpr std::size_t most_row_bytes = 16 << 20;
constexpr std::size_t block_bytes = 1 << 18;

/// What libcsv calls ROW_NOT_BEGUN and FIELD_BEGUN in its source, and in no header.
constexpr int between_rows = 0, within_field = 2;

} // namespace

std::string_view CsvRow::operator[](std::size_t field) const {
    const std::size_t begin = field == 0 ? 0 : ends_[field - 1];
    return std::string_view(text_).substr(begin, ends_[field] - begin);
}

CsvReader::CsvReader(const std::filesystem::path& file, char delimiter) : file_(file), block_(block_bytes) {
    if (csv_init(&parser_, 0) != 0) throw std::bad_alloc();
    csv_set_delim(&parser_, static_cast<unsigned char>(delimiter));
    csv_set_blk_size(&parser_, 1 << 12);
}

CsvReader::~CsvReader() { csv_free(&parser_); }

std::string CsvReader::where(const CsvRow& row) const {
    return fmt::format("{}: line {}", file_.path().string(), row.line());
}

bool CsvReader::refill() {
    place_ = 0;
    filled_ = file_.read(block_);
    if (first_ && filled_ >= 3) {
        const auto begins = [&](std::string_view bytes) {
            return std::memcmp(block_.data(), bytes.data(), bytes.size()) == 0;
        };
        if (begins("\xff\xfe") || begins("\xfe\xff"))
            reject("{}: is in UTF-16, expected UTF-8 or ASCII", file_.path().string());
        if (begins("\xef\xbb\xbf")) place_ = 3; // UTF-8's mark, which Excel writes
    }
    first_ = false;
    if (place_ > 0 && place_ == filled_) return refill(); // nothing but the mark
    return filled_ > 0;
}

const CsvRow* CsvReader::next() {
    row_.text_.clear();
    row_.ends_.clear();
    complete_ = false;
    while (!complete_) {
        if (ended_) return nullptr;
        if (place_ < filled_ || refill())
            feed();
        else
            finish();
    }
    return &row_;
}

namespace {

/// libcsv's callbacks; what they throw must not cross its frames.
struct Collected {
    std::string& text;
    std::vector<std::uint32_t>& ends;
    bool& complete;
    bool out_of_memory = false;

    static void field(void* bytes, std::size_t count, void* self) noexcept {
        auto& collected = *static_cast<Collected*>(self);
        try {
            collected.text.append(static_cast<const char*>(bytes), count);
            collected.ends.push_back(static_cast<std::uint32_t>(collected.text.size()));
        } catch (const std::bad_alloc&) {
            collected.out_of_memory = true;
        }
    }
    static void row(int, void* self) noexcept { static_cast<Collected*>(self)->complete = true; }
};

} // namespace

/// Hands libcsv bytes up to and with the next end of a line, so that at most one row gets complete.
void CsvReader::feed() {
    const char* const begin = reinterpret_cast<const char*>(block_.data()) + place_;
    const std::size_t left = filled_ - place_;
    const auto up_to = [&](char end, std::size_t count) {
        const void* found = std::memchr(begin, end, count);
        return found == nullptr ? count : static_cast<std::size_t>(static_cast<const char*>(found) - begin) + 1;
    };
    const std::size_t count = up_to('\r', up_to('\n', left));
    if (parser_.pstate == between_rows && row_.ends_.empty()) row_.line_ = line_; // between rows
    if (begin[count - 1] == '\n') ++line_;
    Collected collected{row_.text_, row_.ends_, complete_};
    const std::size_t parsed = csv_parse(&parser_, begin, count, Collected::field, Collected::row, &collected);
    if (collected.out_of_memory) throw std::bad_alloc();
    if (parsed != count) reject("{}: {}", where(row_), csv_strerror(csv_error(&parser_)));
    place_ += count;
    pending_bytes_ = complete_ ? 0 : pending_bytes_ + count;
    if (parser_.pstate == between_rows) pending_bytes_ = 0; // empty lines
    if (pending_bytes_ > most_row_bytes) {
        reject("{}: this row has no end within {}; is a quote left open?", where(row_),
               human_bytes(static_cast<double>(most_row_bytes)));
    }
}

void CsvReader::finish() {
    Collected collected{row_.text_, row_.ends_, complete_};
    ended_ = true;
    // libcsv itself says so only where it refuses stray quotes too.
    if (parser_.pstate == within_field && parser_.quoted != 0) reject("{}: a quoted field has no end", where(row_));
    if (csv_fini(&parser_, Collected::field, Collected::row, &collected) != 0)
        reject("{}: {}", where(row_), csv_strerror(csv_error(&parser_)));
    if (collected.out_of_memory) throw std::bad_alloc();
}

char find_delimiter(const std::filesystem::path& file) {
    GzipFile opened(file);
    std::vector<std::byte> start(1 << 16);
    start.resize(opened.read(start));
    constexpr std::string_view candidates = ",;\t|";
    std::array<std::size_t, candidates.size()> counts{};
    bool quoted = false;
    for (const std::byte byte : start) {
        const char c = std::to_integer<char>(byte);
        if (c == '"') quoted = !quoted;
        if (quoted) continue;
        if (c == '\n' || c == '\r') break;
        if (const std::size_t which = candidates.find(c); which != std::string_view::npos) ++counts[which];
    }
    return candidates[static_cast<std::size_t>(std::max_element(counts.begin(), counts.end()) - counts.begin())];
}

} // namespace elbo::convert
