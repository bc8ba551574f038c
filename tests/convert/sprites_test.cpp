// Made images: the same sample always, and images that follow from their factors.
#include "base/error.hpp"
#include "convert/convert.hpp"
#include "support/files.hpp"

#include <array>
#include <cmath>
#include <numbers>
#include <set>

namespace elbo::convert {
namespace {

using elbo::testing::bytes_of_file;
using elbo::testing::message_of;
using elbo::testing::TemporaryFolder;
using storage::DatasetReader;
namespace fs = std::filesystem;

Request request_for(const fs::path& output, std::size_t train, std::size_t test, std::size_t size) {
    Request request;
    request.sources = {"sprites"};
    request.output = output;
    request.train = train;
    request.test = test;
    request.size = size;
    return request;
}

template <class T>
std::vector<T> rows_of(const fs::path& file, const std::string& dataset, std::size_t count) {
    const DatasetReader reader(file, dataset);
    std::vector<T> out(count * reader.info().row_bytes() / sizeof(T));
    reader.read_rows(0, count, std::as_writable_bytes(std::span(out)));
    return out;
}

TEST(Sprites, HoldsWhatWasAskedFor) {
    const TemporaryFolder folder;
    std::size_t last = 0;
    const auto written = convert(request_for(folder / "s.h5", 300, 40, 32), [&](std::size_t done, std::size_t total) {
        EXPECT_EQ(total, 340u);
        last = done;
    });
    EXPECT_EQ(last, 340u);
    std::vector<std::string> found;
    for (const auto& info : written) found.push_back(info.name + " " + describe(info.shape) + " " + info.stored);
    const std::vector<std::string> expected = {
        "/test/factors 40 x 5 float32",   "/test/x 40 x 32 x 32 uint8",   "/test/y 40 uint8",
        "/train/factors 300 x 5 float32", "/train/x 300 x 32 x 32 uint8", "/train/y 300 uint8",
    };
    EXPECT_EQ(found, expected);
}

TEST(Sprites, ASampleDependsOnItsNumberAlone) {
    const TemporaryFolder folder;
    convert(request_for(folder / "few.h5", 10, 10, 24), {});
    convert(request_for(folder / "many.h5", 2500, 20, 24), {});
    for (const char* name : {"/train/x", "/train/y", "/train/factors", "/test/x", "/test/factors"}) {
        EXPECT_EQ(rows_of<char>(folder / "few.h5", name, 10), rows_of<char>(folder / "many.h5", name, 10)) << name;
    }
    EXPECT_NE(rows_of<char>(folder / "few.h5", "/train/x", 10), rows_of<char>(folder / "few.h5", "/test/x", 10));
    convert(request_for(folder / "again.h5", 10, 10, 24), {});
    EXPECT_EQ(bytes_of_file(folder / "few.h5"), bytes_of_file(folder / "again.h5"));
    Request other = request_for(folder / "other.h5", 10, 10, 24);
    other.seed = 2;
    convert(other, {});
    EXPECT_NE(rows_of<char>(folder / "few.h5", "/train/x", 10), rows_of<char>(folder / "other.h5", "/train/x", 10));
}

TEST(Sprites, ImagesFollowFromTheirFactors) {
    const TemporaryFolder folder;
    constexpr std::size_t count = 600, size = 64;
    convert(request_for(folder / "s.h5", count, 0, size), {});
    const auto pixels = rows_of<std::uint8_t>(folder / "s.h5", "/train/x", count);
    const auto factors = rows_of<float>(folder / "s.h5", "/train/factors", count);
    const auto labels = rows_of<std::uint8_t>(folder / "s.h5", "/train/y", count);
    std::array<std::size_t, 3> shapes{};
    std::set<std::uint8_t> greys;
    for (std::size_t i = 0; i < count; ++i) {
        const float outline = factors[5 * i], scale = factors[5 * i + 1], rotation = factors[5 * i + 2];
        const float x = factors[5 * i + 3], y = factors[5 * i + 4];
        ASSERT_EQ(outline, labels[i]);
        ASSERT_LT(labels[i], 3);
        ++shapes[labels[i]];
        EXPECT_TRUE(scale >= 0.5f && scale <= 1.f);
        EXPECT_TRUE(rotation >= 0.f && rotation < 2 * std::numbers::pi_v<float>);
        EXPECT_TRUE(x >= 0.f && x < 1.f && y >= 0.f && y < 1.f);

        double mass = 0, across = 0, down = 0;
        for (std::size_t row = 0; row < size; ++row) {
            for (std::size_t column = 0; column < size; ++column) {
                const std::uint8_t value = pixels[(i * size + row) * size + column];
                greys.insert(value);
                const bool at_edge = row == 0 || column == 0 || row == size - 1 || column == size - 1;
                ASSERT_FALSE(at_edge && value > 0);
                const double weight = value / 255.0;
                mass += weight;
                across += weight * (static_cast<double>(column) + 0.5);
                down += weight * (static_cast<double>(row) + 0.5);
            }
        }
        // Areas in units of the radius squared: the square 2, the ellipse pi / 2. Sixteenths of edge pixels average
        // out to within a hundredth or two.
        const double radius = 0.2 * size * scale;
        const std::array<double, 2> areas = {2.0, std::numbers::pi / 2};
        if (labels[i] < 2) {
            EXPECT_NEAR(mass / (radius * radius), areas.at(labels[i]), 0.05);
        }
        // The heart's centre of mass is not its centre of rotation; the others' is, to a few hundredths of a pixel.
        const double tolerance = labels[i] == 2 ? 0.15 * radius : 0.1;
        EXPECT_NEAR(across / mass, (0.22 + 0.56 * x) * size, tolerance) << "sample " << i;
        EXPECT_NEAR(down / mass, (0.22 + 0.56 * y) * size, tolerance) << "sample " << i;
    }
    // Uniform thirds: 600 samples have a standard deviation of 11.5; five of them.
    for (const std::size_t shape : shapes) EXPECT_NEAR(static_cast<double>(shape), 200.0, 58.0);
    EXPECT_EQ(greys.size(), 17u) << "0 to 16 of 16 samples a pixel";
}

TEST(Sprites, InColourAreTheSameInTheirHue) {
    const TemporaryFolder folder;
    constexpr std::size_t count = 200, size = 16, pixels = size * size;
    convert(request_for(folder / "grey.h5", count, 5, size), {});
    Request request = request_for(folder / "colour.h5", count, 5, size);
    request.colour = true;
    convert(request, {});
    EXPECT_EQ(DatasetReader(folder / "colour.h5", "/train/x").info().sample_shape(), (Shape{size, size, 3}));
    const auto grey = rows_of<std::uint8_t>(folder / "grey.h5", "/train/x", count);
    const auto colour = rows_of<std::uint8_t>(folder / "colour.h5", "/train/x", count);
    const auto plain = rows_of<float>(folder / "grey.h5", "/train/factors", count);
    const auto factors = rows_of<float>(folder / "colour.h5", "/train/factors", count);
    ASSERT_EQ(factors.size(), 6 * count);
    for (std::size_t i = 0; i < count; ++i) {
        for (std::size_t k = 0; k < 5; ++k) ASSERT_EQ(factors[6 * i + k], plain[5 * i + k]);
        const double hue = factors[6 * i + 5];
        // Brightest and darkest channel by the hue's sixth; the brightest has the grey image's values.
        constexpr std::array<std::array<std::size_t, 2>, 6> order = {{{0, 2}, {1, 2}, {1, 0}, {2, 0}, {2, 1}, {0, 1}}};
        const auto [bright, dark] = order.at(static_cast<std::size_t>(6 * hue));
        for (std::size_t p = i * pixels; p < (i + 1) * pixels; ++p) {
            ASSERT_EQ(colour[3 * p + bright], grey[p]);
            ASSERT_NEAR(colour[3 * p + dark], 0.2 * grey[p], 0.51);
            const std::size_t middle = 3 - bright - dark;
            ASSERT_GE(colour[3 * p + middle], colour[3 * p + dark]);
            ASSERT_LE(colour[3 * p + middle], colour[3 * p + bright]);
        }
    }
}

TEST(Sprites, EllipsesLieAlongTheirRotation) {
    const TemporaryFolder folder;
    constexpr std::size_t count = 200, size = 64;
    convert(request_for(folder / "s.h5", count, 0, size), {});
    const auto pixels = rows_of<std::uint8_t>(folder / "s.h5", "/train/x", count);
    const auto factors = rows_of<float>(folder / "s.h5", "/train/factors", count);
    std::size_t seen = 0;
    for (std::size_t i = 0; i < count; ++i) {
        if (factors[5 * i] != 1.f) continue;
        const double x = (0.22 + 0.56 * factors[5 * i + 3]) * size, y = (0.22 + 0.56 * factors[5 * i + 4]) * size;
        double along = 0, across = 0, mixed = 0;
        for (std::size_t p = 0; p < size * size; ++p) {
            const double right = static_cast<double>(p % size) + 0.5 - x, up = y - static_cast<double>(p / size) - 0.5;
            along += pixels[i * size * size + p] * right * right;
            across += pixels[i * size * size + p] * up * up;
            mixed += pixels[i * size * size + p] * right * up;
        }
        // The angle of the longer principal axis of second moments; an ellipse is the same turned by pi.
        const double angle = 0.5 * std::atan2(2 * mixed, along - across);
        EXPECT_NEAR(std::sin(angle - factors[5 * i + 2]), 0.0, 0.02) << "sample " << i;
        ++seen;
    }
    EXPECT_GT(seen, 40u);
}

TEST(Sprites, RefusesWhatItCannotMake) {
    const TemporaryFolder folder;
    for (const std::size_t size : {0, 7, 1025}) {
        EXPECT_CONTAINS(message_of<InputError>([&] { convert(request_for(folder / "s.h5", 1, 1, size), {}); }),
                        "expected 8 to 1024");
    }
    EXPECT_CONTAINS(message_of<InputError>([&] { convert(request_for(folder / "s.h5", 0, 1, 64), {}); }), "--train 0");
    EXPECT_TRUE(folder.names().empty());
    EXPECT_NO_THROW(convert(request_for(folder / "s.h5", 1, 0, 8), {}));
    EXPECT_NO_THROW(convert(request_for(folder / "l.h5", 2, 0, 1024), {}));
}

TEST(Convert, NamesWhatItDoesNotKnow) {
    const TemporaryFolder folder;
    const auto message = [&](const std::string& source, const std::string& format) {
        Request request;
        request.output = folder / "s.h5";
        request.sources = {source};
        request.format = format;
        return message_of<InputError>([&] { convert(request, {}); });
    };
    EXPECT_CONTAINS(message("sprits", ""), "did you mean sprites?");
    EXPECT_CONTAINS(message("nonsense/none", ""), "no such file, folder or generator (known: idx");
    EXPECT_CONTAINS(message("idx", ""), "idx: no such file or folder; a format is recognised, or named by --from idx");
    EXPECT_CONTAINS(message("sprites", "idz"), "--from idz: no such format; did you mean idx?");
    EXPECT_CONTAINS(message("none", "idx"), "none: no such file");
    elbo::testing::write_bytes(folder / "a.doc", std::string_view("a letter, no table\n"));
    EXPECT_CONTAINS(message((folder / "a.doc").string(), ""), "in no format known to elbo");
}

TEST(Convert, RefusesOptionsOfOtherFormats) {
    const TemporaryFolder folder;
    Request request = request_for(folder / "s.h5", 1, 1, 16);
    request.missing = Missing::zero;
    EXPECT_CONTAINS(message_of<InputError>([&] { convert(request, {}); }),
                    "--missing: means nothing to the format sprites, it is for csv");
}

TEST(Convert, ReplacesOnlyWhenAsked) {
    const TemporaryFolder folder;
    convert(request_for(folder / "s.h5", 1, 0, 16), {});
    const std::string before = bytes_of_file(folder / "s.h5");
    Request request = request_for(folder / "s.h5", 2, 0, 16);
    EXPECT_CONTAINS(message_of<InputError>([&] { convert(request, {}); }), "s.h5: exists; --force replaces it");
    EXPECT_EQ(bytes_of_file(folder / "s.h5"), before);
    request.overwrite = true;
    EXPECT_EQ(convert(request, {}).at(1).rows(), 2u);
    request.size = 2;
    EXPECT_THROW(convert(request, {}), InputError);
    EXPECT_EQ(DatasetReader(folder / "s.h5", "/train/x").info().rows(), 2u) << "a failed conversion keeps the old file";
    request.output = folder.path();
    EXPECT_CONTAINS(message_of<InputError>([&] { convert(request, {}); }), "is a folder");
}

} // namespace
} // namespace elbo::convert
