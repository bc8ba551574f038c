// Folders and archives of images in the table of formats.
#include "convert/archive_file.hpp"
#include "convert/convert.hpp"
#include "convert/image_archive.hpp"
#include "convert/image_folder.hpp"

namespace elbo::convert {

namespace {

const std::vector<std::string_view> image_options = {"--resize", "--gray", "--colour", "--label-pattern"};

ImageOptions options_of(const Request& request) {
    ImageOptions options;
    if (request.resize) options.size = {request.resize->front(), request.resize->back()}; // one number: a square
    options.grey = request.gray;
    options.colour = request.colour;
    options.deep = request.type == storage::ElementType::u16;
    options.label_pattern = request.label_pattern;
    return options;
}

} // namespace

Format images_format() {
    return {"images", "a folder of PNG and JPEG files, in folders of classes and of train, test and validation",
            [](const std::string& source) { return is_image_folder(source); },
            [](const Request& request) { return open_image_folders(request.sources, options_of(request)); },
            image_options};
}

Format archive_format() {
    return {"archive",
            "a tar (.gz, .bz2, .xz, .zst) or zip of such a folder, read without unpacking it",
            [](const std::string& source) { return is_archive(source); },
            [](const Request& request) { return open_image_archives(request.sources, options_of(request)); },
            image_options,
            [](const std::string& source) { return is_named_archive(source); }};
}

} // namespace elbo::convert
