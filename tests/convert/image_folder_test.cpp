// Folders of images: items, labels, sizes and colours, bad files, links.
#include "convert/image_folder.hpp"

#include "base/error.hpp"
#include "convert/image_sources.hpp"

namespace elbo::convert {
namespace {

namespace fs = std::filesystem;
using elbo::testing::message_of;
using elbo::testing::TemporaryFolder;
using elbo::testing::write_bytes;
using testing::contents;
using testing::picture;
using testing::write_picture;
using Bytes = std::vector<std::uint8_t>;

std::string refusal(const fs::path& folder, const ImageOptions& options = {}) {
    return message_of<InputError>([&] { open_image_folders({folder}, options); });
}

TEST(ImageFolder, ImagesAndLabels) {
    const TemporaryFolder folder;
    write_picture(folder / "dog/1.png", picture(1));
    write_picture(folder / "cat/2.png", picture(2));
    write_picture(folder / "cat/10.PNG", picture(3));
    write_bytes(folder / "cat" / "notes.txt", std::string_view("no image"));
    write_bytes(folder / ".hidden.png", std::string_view("no image"));
    EXPECT_TRUE(is_image_folder(folder.path()));
    for (const std::string& name : {folder.path().string(), folder.path().string() + "/"}) {
        const auto source = open_image_folders({name}, {});
        EXPECT_TRUE(source->divisible());
        ASSERT_EQ(source->parts().size(), 1u);
        const Part& part = source->parts()[0];
        EXPECT_EQ(part.name, "");
        EXPECT_EQ(part.items, 3u);
        ASSERT_EQ(part.fields.size(), 2u);
        EXPECT_EQ(part.fields[0].shape, (Shape{4, 6}));
        EXPECT_EQ(part.fields[1].classes, (std::vector<std::string>{"cat", "dog"}));
        const auto all = contents(*source, 0, 2);
        EXPECT_TRUE(all.bad.empty());
        EXPECT_EQ(all.values(0), testing::pixels({3, 2, 1})) << "10.PNG comes before 2.png";
        EXPECT_EQ(all.values(1), (Bytes{0, 0, 1}));
    }
}

TEST(ImageFolder, AnyRangeInAnyOrder) {
    const TemporaryFolder folder;
    for (int i = 0; i < 9; ++i) write_picture(folder / (std::to_string(i) + ".png"), picture(i));
    const auto source = open_image_folders({folder.path()}, {});
    for (const std::size_t item : {5, 0, 8, 8}) {
        std::vector<std::byte> row(24);
        const std::array rows = {std::span<std::byte>(row)};
        EXPECT_TRUE(source->read(0, item, 1, rows).empty());
        const Bytes expected = picture(static_cast<int>(item)).pixels;
        EXPECT_EQ(std::memcmp(row.data(), expected.data(), 24), 0);
    }
}

TEST(ImageFolder, ColoursAndSizes) {
    const TemporaryFolder folder;
    write_picture(folder / "1.png", picture(1, 4, 6, 3));
    write_picture(folder / "2.png", picture(2, 4, 6, 1));
    write_picture(folder / "3.png", picture(3, 8, 6, 3));
    const auto plain = open_image_folders({folder.path()}, {});
    EXPECT_EQ(plain->parts()[0].fields[0].shape, (Shape{4, 6, 3}));
    const auto all = contents(*plain);
    ASSERT_EQ(all.bad.size(), 1u) << "grey among colours is shown in colour";
    EXPECT_EQ(all.bad[0].item, 2u);
    EXPECT_EQ(all.bad[0].reason,
              folder.path().string() +
                  "/3.png: has 8 x 6 pixels, expected 4 x 6 as 1.png has; --resize HxW makes all alike");

    ImageOptions options;
    options.size = {2, 3};
    const auto resized = open_image_folders({folder.path()}, options);
    EXPECT_EQ(resized->parts()[0].fields[0].shape, (Shape{2, 3, 3}));
    EXPECT_TRUE(contents(*resized).bad.empty());
    options.grey = true;
    options.deep = true;
    const auto grey = open_image_folders({folder.path()}, options);
    EXPECT_EQ(grey->parts()[0].fields[0].shape, (Shape{2, 3}));
    EXPECT_EQ(grey->parts()[0].fields[0].type, storage::ElementType::u16);
    EXPECT_TRUE(contents(*grey).bad.empty());
    options.colour = true;
    EXPECT_CONTAINS(refusal(folder.path(), options), "--gray and --colour exclude each other");
    ImageOptions vast;
    vast.size = {60000, 60000};
    EXPECT_CONTAINS(refusal(folder.path(), vast), "--resize 60000x60000: expected HEIGHTxWIDTH of at most 25165824");
}

TEST(ImageFolder, ColourAmongGreyIsBad) {
    const TemporaryFolder folder;
    write_picture(folder / "1.png", picture(1));
    write_picture(folder / "2.png", picture(2, 4, 6, 3));
    const auto all = contents(*open_image_folders({folder.path()}, {}));
    ASSERT_EQ(all.bad.size(), 1u);
    EXPECT_EQ(all.bad[0].reason,
              folder.path().string() +
                  "/2.png: is in colour, expected grey as 1.png is; --gray or --colour makes all alike");
    ImageOptions options;
    options.colour = true;
    EXPECT_TRUE(contents(*open_image_folders({folder.path()}, options)).bad.empty());
}

TEST(ImageFolder, BadFilesAreNamed) {
    const TemporaryFolder folder;
    write_bytes(folder / "0.png", std::string_view("no image"));
    write_picture(folder / "1.png", picture(1));
    write_bytes(folder / "2.gif", std::string_view("GIF89a"));
    write_bytes(folder / "3.png", testing::png_bytes(picture(1)).substr(0, 60));
    fs::create_directory(folder / "4.png");
    write_picture(folder / "5_x.png", picture(1));
    fs::resize_file(folder / "5_x.png", std::uintmax_t{65} << 20); // sparse
    const auto source = open_image_folders({folder.path()}, {});
    EXPECT_EQ(source->parts()[0].items, 5u);
    const auto all = contents(*source);
    ASSERT_EQ(all.bad.size(), 4u);
    EXPECT_EQ(all.bad[0].reason,
              folder.path().string() + "/0.png: begins with bytes 6e 6f 20 69, expected a PNG or JPEG image");
    EXPECT_CONTAINS(all.bad[1].reason, "2.gif: begins with bytes 47 49 46 38");
    EXPECT_CONTAINS(all.bad[2].reason, "3.png: is a PNG cut short");
    EXPECT_EQ(all.bad[3].reason,
              folder.path().string() + "/5_x.png: has 65.0 MiB, more than the 64.0 MiB that an image may have");
    fs::remove(folder / "1.png");
    EXPECT_CONTAINS(contents(*source).bad.at(1).reason, "1.png: cannot be opened: No such file");
    EXPECT_CONTAINS(refusal(folder.path()), "none of the first 4 images of");
    EXPECT_CONTAINS(refusal(folder.path()), "can be decoded: " + (folder / "0.png").string() + ": begins with");
}

TEST(ImageFolder, SeveralFolders) {
    const TemporaryFolder folder;
    write_picture(folder / "train/b/1.png", picture(1));
    write_picture(folder / "test/a/1.png", picture(2));
    write_picture(folder / "test/b/1.png", picture(3));
    const std::string train = folder / "train", test = (folder / "test").string() + "/";
    const auto parts = open_image_folders({train, test}, {});
    ASSERT_EQ(parts->parts().size(), 2u) << "named like parts";
    EXPECT_EQ(parts->parts()[1].name, "train");
    EXPECT_EQ(contents(*parts, 0).values(1), (Bytes{0, 1}));
    EXPECT_EQ(contents(*parts, 1).values(0), picture(1).pixels);
    write_picture(folder / "more/c/1.png", picture(4));
    const auto joined = open_image_folders({train, folder / "more"}, {});
    EXPECT_EQ(contents(*joined).values(1), (Bytes{0, 1})) << "b and c";
    write_bytes(folder / "train" / "b" / "1.png", std::string_view("x"));
    EXPECT_CONTAINS(contents(*parts, 1).bad.at(0).reason, (folder / "train/b/1.png").string() + ": begins");
}

TEST(ImageFolder, LabelsByPattern) {
    const TemporaryFolder folder;
    write_picture(folder / "a_3.png", picture(1));
    write_picture(folder / "b.png", picture(1));
    ImageOptions options;
    options.label_pattern = "*_{label}.png";
    const auto all = contents(*open_image_folders({folder.path()}, options));
    EXPECT_EQ(all.values(1).at(0), 3);
    EXPECT_EQ(all.bad.at(0).reason, folder.path().string() + "/b.png: does not fit --label-pattern *_{label}.png");
}

TEST(ImageFolder, LinksOutOfTheFolderAreRefused) {
    const TemporaryFolder folder, other;
    write_picture(folder / "in/1.png", picture(1));
    write_picture(other / "x.png", picture(2));
    fs::create_symlink("1.png", folder / "in" / "2.png");
    EXPECT_EQ(open_image_folders({folder.path()}, {})->parts()[0].items, 2u) << "a link within the folder";
    fs::create_symlink(other / "x.png", folder / "in" / "3.png");
    EXPECT_CONTAINS(refusal(folder.path()), "in/3.png: is a link out of");
    fs::remove(folder / "in" / "3.png");
    fs::create_directory_symlink(other.path(), folder / "more");
    EXPECT_CONTAINS(refusal(folder.path()), "more: is a link to the folder");
    fs::remove(folder / "more");
    fs::create_symlink("nowhere.png", folder / "in" / "4.png");
    EXPECT_CONTAINS(refusal(folder.path()), "4.png: is a link to nothing");
}

TEST(ImageFolder, IsRecognisedByItsImages) {
    const TemporaryFolder folder;
    EXPECT_FALSE(is_image_folder(folder.path()));
    EXPECT_FALSE(is_image_folder(folder / "none"));
    fs::create_directory(folder / "x.png");
    write_bytes(folder / "notes.txt", std::string_view(""));
    EXPECT_FALSE(is_image_folder(folder.path()));
    write_picture(folder / "deep/er/1.png", picture(1));
    EXPECT_TRUE(is_image_folder(folder.path()));
}

} // namespace
} // namespace elbo::convert
