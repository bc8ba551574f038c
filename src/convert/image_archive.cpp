#include "convert/image_archive.hpp"

#include "base/error.hpp"
#include "convert/archive_file.hpp"

#include <algorithm>

namespace elbo::convert {

namespace {

class ImageArchives final : public Source {
public:
    ImageArchives(const std::vector<std::string>& paths, const ImageOptions& options);
    const std::vector<Part>& parts() const override { return items_.parts(); }
    bool divisible() const override { return true; } // decoding is what costs
    std::vector<Bad> read(std::size_t part, std::size_t begin, std::size_t count,
                          std::span<const std::span<std::byte>> rows) override;

private:
    void begin();
    bool next_image();
    void go_to(std::uint32_t number);
    Load present();

    std::vector<std::string> paths_;
    ImageItems items_;
    std::size_t source_ = 0; ///< whose images are being passed
    std::optional<ArchiveFile> file_;
    std::size_t passed_ = 0; ///< images of all archives, the present one among them
    std::string bytes_;      ///< of the present one
};

ImageArchives::ImageArchives(const std::vector<std::string>& paths, const ImageOptions& options)
    : paths_(paths), items_(paths, ": ", options) {
    begin();
    while (next_image()) items_.add(source_, file_->name());
    items_.arrange(false);
    const auto tries = static_cast<std::uint32_t>(std::min(items_.size(), most_tries));
    for (std::uint32_t number = 0; number < tries; ++number) {
        go_to(number);
        if (items_.take_shape(number, present())) break;
    }
    items_.finish();
}

void ImageArchives::begin() {
    source_ = 0;
    passed_ = 0;
    file_.emplace(paths_.front());
}

/// Goes on to the next image, if need be of the next archive; false where there is none.
bool ImageArchives::next_image() {
    while (true) {
        while (file_->next()) {
            if (!ImageNames::is_image(file_->name())) continue;
            ++passed_;
            return true;
        }
        if (source_ + 1 == paths_.size()) return false;
        file_.emplace(paths_[++source_]);
    }
}

/// Makes image `number` the present one.
void ImageArchives::go_to(std::uint32_t number) {
    if (passed_ > number) begin();
    while (passed_ <= number) {
        if (next_image() && (passed_ <= number || file_->name() == items_.path_of(number))) continue;
        reject("{}: has changed since its members were listed; is it still being written?", paths_[source_]);
    }
}

/// The present image's bytes. Damage of the archive itself is thrown here, that of the image by what is returned.
Load ImageArchives::present() {
    return [this, damage = file_->read(largest_image_file, bytes_)] {
        if (damage) reject("{}", *damage);
        return std::as_bytes(std::span(bytes_));
    };
}

std::vector<Bad> ImageArchives::read(std::size_t part, std::size_t begin, std::size_t count,
                                     std::span<const std::span<std::byte>> rows) {
    std::vector<Bad> bad;
    for (std::size_t i = 0; i < count; ++i) {
        go_to(items_.number(part, begin + i));
        items_.put(part, begin + i, present(), {rows, i, bad});
    }
    return bad;
}

} // namespace

std::unique_ptr<Source> open_image_archives(const std::vector<std::string>& paths, const ImageOptions& options) {
    return std::make_unique<ImageArchives>(paths, options);
}

} // namespace elbo::convert
