// Archives of images: every kind, the rules of names, and what a hostile one may not do.
#include "convert/image_archive.hpp"

#include "base/error.hpp"
#include "convert/archive_file.hpp"
#include "convert/image_sources.hpp"

#include <archive.h>
#include <archive_entry.h>

namespace elbo::convert {
namespace {

namespace fs = std::filesystem;
using elbo::testing::bytes_of_file;
using elbo::testing::message_of;
using elbo::testing::TemporaryFolder;
using elbo::testing::write_bytes;
using testing::contents;
using testing::picture;
using testing::png_bytes;
using Bytes = std::vector<std::uint8_t>;

struct Member {
    std::string name, bytes;
    unsigned type = AE_IFREG;
    std::string link = {}; ///< of a hard link
};

/// format: as archive_write_set_format_by_name has it; filter: likewise, or empty.
void write_archive(const fs::path& path, const std::string& format, const std::string& filter,
                   const std::vector<Member>& members) {
    archive* out = archive_write_new();
    ASSERT_EQ(archive_write_set_format_by_name(out, format.c_str()), ARCHIVE_OK);
    if (!filter.empty()) {
        ASSERT_EQ(archive_write_add_filter_by_name(out, filter.c_str()), ARCHIVE_OK);
    }
    ASSERT_EQ(archive_write_open_filename(out, path.c_str()), ARCHIVE_OK);
    for (const Member& member : members) {
        archive_entry* entry = archive_entry_new();
        archive_entry_set_pathname(entry, member.name.c_str());
        archive_entry_set_filetype(entry, member.type);
        archive_entry_set_perm(entry, 0644);
        archive_entry_set_size(entry, static_cast<la_int64_t>(member.bytes.size()));
        if (member.type == AE_IFLNK) archive_entry_set_symlink(entry, "/etc/passwd");
        if (!member.link.empty()) archive_entry_set_hardlink(entry, member.link.c_str());
        ASSERT_EQ(archive_write_header(out, entry), ARCHIVE_OK) << archive_error_string(out);
        if (!member.bytes.empty()) {
            ASSERT_EQ(archive_write_data(out, member.bytes.data(), member.bytes.size()),
                      static_cast<la_ssize_t>(member.bytes.size()));
        }
        archive_entry_free(entry);
    }
    ASSERT_EQ(archive_write_close(out), ARCHIVE_OK);
    archive_write_free(out);
}

std::vector<Member> two_classes() {
    return {{"all/", "", AE_IFDIR},
            {"all/train/dog/2.png", png_bytes(picture(1))},
            {"all/readme.txt", "no image"},
            {"all/train/cat/1.png", png_bytes(picture(2))},
            {"all/test/dog/7.png", png_bytes(picture(3))},
            {"all/train/cat/0.png", png_bytes(picture(4))}};
}

std::string refusal(const fs::path& path) {
    return message_of<InputError>([&] { open_image_archives({path}, {}); });
}

/// What a tar of one member is refused with.
std::string refusal_of(const Member& member) {
    const TemporaryFolder folder;
    write_archive(folder / "a.tar", "pax", "", {{"1.png", png_bytes(picture(1))}, member});
    return refusal(folder / "a.tar");
}

TEST(ImageArchive, EveryKindGivesTheSame) {
    const TemporaryFolder folder;
    const std::vector<std::array<std::string, 3>> kinds = {
        {"a.tar", "pax", ""}, {"b.tar.gz", "gnutar", "gzip"}, {"c.tar.xz", "ustar", "xz"}, {"d.tar.zst", "pax", "zstd"},
        {"e.zip", "zip", ""}, {"f.tar.bz2", "pax", "bzip2"},  {"g.unnamed", "pax", "xz"}};
    for (const auto& [name, format, filter] : kinds) {
        write_archive(folder / name, format, filter, two_classes());
        EXPECT_TRUE(is_archive(folder / name)) << name;
        const auto source = open_image_archives({folder / name}, {});
        EXPECT_TRUE(source->divisible());
        ASSERT_EQ(source->parts().size(), 2u);
        const Part &train = source->parts()[0], &test = source->parts()[1];
        EXPECT_EQ(train.name, "train");
        EXPECT_EQ(train.items, 3u);
        EXPECT_EQ(test.name, "test");
        EXPECT_EQ(train.fields.at(1).classes, (std::vector<std::string>{"cat", "dog"}));
        for (const std::size_t piece : {1, 2, 5}) {
            const auto training = contents(*source, 0, piece);
            EXPECT_TRUE(training.bad.empty());
            EXPECT_EQ(training.values(1), (Bytes{1, 0, 0})) << "in the archive's order";
            EXPECT_EQ(training.values(0), testing::pixels({1, 2, 4})) << name;
            EXPECT_EQ(contents(*source, 1).values(0), picture(3).pixels);
        }
    }
}

TEST(ImageArchive, NamesBeyondAscii) {
    const TemporaryFolder folder;
    for (const char* format : {"gnutar", "ustar"}) {
        write_archive(folder / "a.tar", format, "",
                      {{"K\xc3\xa4se/1.png", png_bytes(picture(1))}, {"\xff/2.png", png_bytes(picture(2))}});
        EXPECT_EQ(open_image_archives({folder / "a.tar"}, {})->parts()[0].fields.at(1).classes,
                  (std::vector<std::string>{"K\xc3\xa4se", "\xff"}));
    }
}

TEST(ImageArchive, WhatLeadsOutIsRefused) {
    const std::string png = png_bytes(picture(1));
    EXPECT_CONTAINS(refusal_of({"../x.png", png}), "the member ../x.png lies outside of the archive's own folder");
    EXPECT_CONTAINS(refusal_of({"a/../../x.png", png}), "lies outside");
    EXPECT_CONTAINS(refusal_of({"/tmp/x.png", png}), "the member /tmp/x.png lies outside");
    EXPECT_CONTAINS(refusal_of({"..", "", AE_IFDIR}), "lies outside");
    EXPECT_CONTAINS(refusal_of({"l.png", "", AE_IFLNK}),
                    "the member l.png is a symbolic link, expected files and folders");
    EXPECT_CONTAINS(refusal_of({"h.png", "", AE_IFREG, "1.png"}), "the member h.png is a hard link");
    EXPECT_CONTAINS(refusal_of({"d.png", "", AE_IFCHR}), "the member d.png is a device");
    EXPECT_CONTAINS(refusal_of({"p.png", "", AE_IFIFO}), "the member p.png is a pipe or socket");
    EXPECT_CONTAINS(refusal_of({std::string(5000, 'x') + ".png", png}), "a member's name has 5004 characters");
}

TEST(ImageArchive, WhatGrowsTooMuchIsRefused) {
    const TemporaryFolder folder;
    const std::string zeros(std::size_t{24} << 20, '\0');
    write_archive(folder / "bomb.tar.gz", "pax", "gzip", {{"1.png", png_bytes(picture(1))}, {"zeros.csv", zeros}});
    EXPECT_CONTAINS(refusal(folder / "bomb.tar.gz"), "its members take more than");
    EXPECT_CONTAINS(refusal(folder / "bomb.tar.gz"), "up to zeros.csv), expected at most 256 times its");
    // The same without compression: as large as it is.
    write_archive(folder / "zeros.tar", "pax", "", {{"1.png", png_bytes(picture(1))}, {"zeros.csv", zeros}});
    EXPECT_EQ(open_image_archives({folder / "zeros.tar"}, {})->parts()[0].items, 1u);
}

TEST(ImageArchive, MembersThatAreTooLargeAreBad) {
    const TemporaryFolder folder;
    const std::string zeros((std::size_t{64} << 20) + 1, '\0');
    write_archive(folder / "a.tar", "pax", "",
                  {{"1.png", png_bytes(picture(1))}, {"2.png", zeros}, {"3.png", "short"}});
    const auto all = contents(*open_image_archives({folder / "a.tar"}, {}));
    ASSERT_EQ(all.bad.size(), 2u);
    EXPECT_EQ(all.bad[0].reason,
              (folder / "a.tar").string() + ": 2.png: has more than the 64.0 MiB that an image may have");
    EXPECT_CONTAINS(all.bad[1].reason, "3.png: begins with bytes");
}

TEST(ImageArchive, DamagedArchivesAreNamed) {
    const TemporaryFolder folder;
    for (const auto& [name, format, filter] :
         {std::array<std::string, 3>{"a.tar", "pax", ""}, {"b.tar.xz", "pax", "xz"}, {"c.zip", "zip", ""}}) {
        write_archive(folder / name, format, filter, two_classes());
        const std::string whole = bytes_of_file(folder / name);
        write_bytes(folder / name, std::string_view(whole).substr(0, name == "a.tar" ? 2100 : whole.size() / 2));
        EXPECT_TRUE(is_named_archive(folder / name));
        const std::string message = refusal(folder / name);
        EXPECT_CONTAINS(message, (folder / name).string() + ": cannot be read");
        EXPECT_CONTAINS(message, "is it damaged or cut short?");
    }
    write_archive(folder / "texts.tar", "pax", "", {{"a.txt", "x"}});
    EXPECT_CONTAINS(refusal(folder / "texts.tar"), "texts.tar: holds no PNG or JPEG image");
}

TEST(ImageArchive, ADamagedMemberOfAZipIsBad) {
    const TemporaryFolder folder;
    write_archive(folder / "a.zip", "zip", "", {{"1.png", png_bytes(picture(1))}, {"2.png", png_bytes(picture(2))}});
    std::string bytes = bytes_of_file(folder / "a.zip");
    bytes[bytes.find("1.png") + 40] ^= 0x55;
    write_bytes(folder / "a.zip", bytes);
    const auto source = open_image_archives({folder / "a.zip"}, {});
    const auto all = contents(*source);
    ASSERT_EQ(all.bad.size(), 1u);
    EXPECT_CONTAINS(all.bad[0].reason, "1.png: is damaged");
    const Bytes second = picture(2).pixels;
    EXPECT_TRUE(std::equal(second.begin(), second.end(), all.values(0).begin() + 24));
}

TEST(ImageArchive, AnArchiveThatChangesIsNoticed) {
    const TemporaryFolder folder;
    write_archive(folder / "a.tar", "pax", "", {{"1.png", png_bytes(picture(1))}, {"2.png", png_bytes(picture(2))}});
    const auto source = open_image_archives({folder / "a.tar"}, {});
    contents(*source);
    write_archive(folder / "a.tar", "pax", "", {{"1.png", png_bytes(picture(1))}, {"3.png", png_bytes(picture(2))}});
    EXPECT_CONTAINS(message_of<InputError>([&] { contents(*source); }),
                    "a.tar: has changed since its members were listed");
}

TEST(ImageArchive, SeveralArchives) {
    const TemporaryFolder folder;
    write_archive(folder / "1.tar", "pax", "",
                  {{"a/1.png", png_bytes(picture(1))}, {"b/2.png", png_bytes(picture(2))}});
    write_archive(folder / "2.zip", "zip", "", {{"b/3.png", png_bytes(picture(3))}});
    const auto joined = open_image_archives({folder / "1.tar", folder / "2.zip"}, {});
    for (const std::size_t piece : {1, 2, 3}) {
        const auto all = contents(*joined, 0, piece);
        EXPECT_EQ(all.values(1), (Bytes{0, 1, 1}));
        const Bytes last = picture(3).pixels, found = all.values(0);
        EXPECT_TRUE(std::equal(last.begin(), last.end(), found.begin() + 48, found.end()));
    }
    fs::rename(folder / "1.tar", folder / "train.tar");
    fs::rename(folder / "2.zip", folder / "test.zip");
    const auto parts = open_image_archives({folder / "train.tar", folder / "test.zip"}, {});
    ASSERT_EQ(parts->parts().size(), 2u);
    EXPECT_EQ(contents(*parts, 1).values(1), Bytes{1});
    EXPECT_EQ(contents(*parts, 0).values(0).size(), 48u);
}

TEST(ArchiveFile, OtherFilesAreNone) {
    const TemporaryFolder folder;
    write_bytes(folder / "text", std::string_view("no archive at all"));
    write_bytes(folder / "zeros", std::string(2000, '\0'));
    write_bytes(folder / "empty", std::string_view(""));
    for (const char* name : {"text", "zeros", "empty", "missing"}) EXPECT_FALSE(is_archive(folder / name)) << name;
    EXPECT_FALSE(is_archive(folder.path()));
}

} // namespace
} // namespace elbo::convert
