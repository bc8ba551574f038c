// The user block: title, format, length and XXH3-128 (Collet) of all that follows. Memory is taken by what the file
// has, and never by what a header says.
#include "storage/checkpoint_seal.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "storage/checkpoint.hpp"
#include "storage/posix.hpp"

#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <memory>
#include <new>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

namespace elbo::storage {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view title = "elbo checkpoint\n";
constexpr std::string_view format_line = "format 1\n";
constexpr std::string_view bytes_word = "bytes ", sum_word = "\nxxh3-128 ";
constexpr std::size_t piece_bytes = 1 << 20;

std::string hexadecimal(XXH128_hash_t hash) { return fmt::format("{:016x}{:016x}", hash.high64, hash.low64); }

std::string header(std::size_t bytes, std::string_view sum) {
    std::string text = fmt::format("{}{}bytes {}\nxxh3-128 {}\n", title, format_line, bytes, sum);
    text.resize(checkpoint_user_block, '\0');
    return text;
}

/// The header's values, as far as they can be read; what is wrong with the rest shows when it is compared whole.
struct Promise {
    std::size_t bytes = 0;
    std::string sum;
};

/// Returns what is wrong, empty where nothing is.
std::string read_header(std::string_view text, Promise& promise) {
    if (!text.starts_with(title))
        return text.find(sum_word) == text.npos ? "is no checkpoint of elbo" : "the checkpoint's header is damaged";
    text.remove_prefix(title.size());
    if (!text.starts_with(format_line)) {
        return fmt::format("is a checkpoint in \"{}\", this elbo reads \"{}\"",
                           printable(text.substr(0, text.find('\n'))), format_line.substr(0, format_line.size() - 1));
    }
    text.remove_prefix(format_line.size());
    if (text.starts_with(bytes_word)) {
        const char* end = text.data() + text.size();
        const auto [after, error] = std::from_chars(text.data() + bytes_word.size(), end, promise.bytes);
        const std::string_view rest(after, static_cast<std::size_t>(end - after));
        if (error == std::errc() && rest.starts_with(sum_word)) promise.sum = rest.substr(sum_word.size(), 32);
    }
    return promise.sum.size() == 32 ? "" : "the checkpoint's header is damaged";
}

/// Reads what lies behind the user block up to `size` a piece at a time, into `whole` unless that is null, and puts its
/// checksum into `sum`. Returns what is wrong, empty where nothing is.
std::string read_contents(const Descriptor& file, std::size_t size, std::vector<std::byte>* whole, std::string& sum) {
    std::vector<std::byte> piece(whole == nullptr ? piece_bytes : 0);
    const std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state(XXH3_createState(), XXH3_freeState);
    if (!state) throw std::bad_alloc();
    XXH3_128bits_reset(state.get());
    for (std::size_t place = checkpoint_user_block; place < size; place += piece_bytes) {
        const std::size_t length = std::min(piece_bytes, size - place);
        const std::span<std::byte> part =
            whole == nullptr ? std::span(piece).first(length) : std::span(*whole).subspan(place, length);
        if (const int code = read_at(file.get(), place, part); code != 0) {
            return fmt::format("cannot be read to its end: {}",
                               code == ENODATA ? "it was cut meanwhile" : std::strerror(code));
        }
        XXH3_128bits_update(state.get(), part.data(), part.size());
    }
    sum = hexadecimal(XXH3_128bits_digest(state.get()));
    return "";
}

/// A checkpoint's header, and what it promises.
struct Head {
    std::string text;
    Promise promise;
    std::size_t size = 0; ///< of the file
};

/// Compares the file's length with its header's promise; returns what is wrong, empty where nothing is.
std::string examine_head(const Descriptor& file, Head& head) {
    struct stat status;
    if (!file || ::fstat(file.get(), &status) != 0) return fmt::format("cannot be read: {}", std::strerror(errno));
    head.size = static_cast<std::size_t>(status.st_size);
    if (const int code = read_some(file.get(), checkpoint_user_block, head.text); code != 0)
        return fmt::format("cannot be read: {}", std::strerror(code));
    if (const std::string wrong = read_header(head.text, head.promise); !wrong.empty()) return wrong;
    const std::size_t present = head.size - std::min(head.size, checkpoint_user_block), promised = head.promise.bytes;
    if (present == promised) return "";
    return fmt::format("the checkpoint is {}: its header promises {} bytes after the first {}, the file has {}",
                       present < promised ? "cut short" : "damaged", promised, checkpoint_user_block, present);
}

/// Compares the file with its header's promise; returns what is wrong, empty where nothing is. whole: takes the file's
/// bytes unless it is null.
std::string examine(const Descriptor& file, std::vector<std::byte>* whole) {
    Head head;
    if (const std::string wrong = examine_head(file, head); !wrong.empty()) return wrong;
    if (whole != nullptr) {
        try {
            whole->resize(head.size);
        } catch (const std::exception&) {
            return fmt::format("cannot be read: there is no memory for {}",
                               human_bytes(static_cast<double>(head.size)));
        }
        std::memcpy(whole->data(), head.text.data(), head.text.size());
    }
    std::string sum;
    if (const std::string wrong = read_contents(file, head.size, whole, sum); !wrong.empty()) return wrong;
    if (sum != head.promise.sum) {
        return fmt::format("the checkpoint is damaged: checksum {}, its header says {}", sum, head.promise.sum);
    }
    return head.text == header(head.promise.bytes, sum) ? "" : "the checkpoint's header is damaged";
}

Descriptor open_file(const fs::path& path) { return Descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC)); }

} // namespace

void seal_checkpoint(std::span<std::byte> image) {
    const std::span<const std::byte> contents = image.subspan(checkpoint_user_block);
    const std::string sum = hexadecimal(XXH3_128bits(contents.data(), contents.size()));
    std::memcpy(image.data(), header(contents.size(), sum).data(), checkpoint_user_block);
}

void verify_checkpoint(const fs::path& path) {
    const Descriptor file = open_file(path);
    // Pages that were written back are let go, so that what is read comes from the disk.
    if (file) ::posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED);
    const std::string wrong = examine(file, nullptr);
    if (!wrong.empty()) fail("{}: read back from the disk: {}", path.string(), wrong);
}

std::vector<std::byte> read_verified(const fs::path& path) {
    std::vector<std::byte> bytes;
    const std::string wrong = examine(open_file(path), &bytes);
    if (!wrong.empty()) reject("{}: {}", path.string(), wrong);
    return bytes;
}

std::string glance_at_checkpoint(const fs::path& path) {
    Head head;
    return examine_head(open_file(path), head);
}

bool is_checkpoint(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::string found(checkpoint_user_block, '\0');
    file.read(found.data(), static_cast<std::streamsize>(found.size()));
    found.resize(static_cast<std::size_t>(file.gcount()));
    // Either will do: a damaged checkpoint is to be called one.
    return found.starts_with(title) || found.find(sum_word) != found.npos;
}

} // namespace elbo::storage
