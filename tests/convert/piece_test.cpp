// Pieces of a source as bytes: every field's rows come out as they went in, where numbers may begin.
#include "convert/piece.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <string>

namespace elbo::convert {
namespace {

using storage::ElementType;

/// Items of a byte, then of two doubles: item i is i and (i, -i); every third is bad if asked for.
class Mixed final : public Source {
public:
    explicit Mixed(bool damaged) : damaged_(damaged) {}
    const std::vector<Part>& parts() const override { return parts_; }
    bool divisible() const override { return true; }
    std::vector<Bad> read(std::size_t, std::size_t begin, std::size_t count,
                          std::span<const std::span<std::byte>> rows) override {
        std::vector<Bad> bad;
        for (std::size_t i = 0; i < count; ++i) {
            const auto item = static_cast<double>(begin + i);
            const std::array values = {item, -item};
            rows[0][i] = static_cast<std::byte>(begin + i);
            std::memcpy(rows[1].data() + i * sizeof(values), values.data(), sizeof(values));
            if (damaged_ && (begin + i) % 3 == 0) bad.push_back({begin + i, "item " + std::to_string(begin + i)});
        }
        return bad;
    }

private:
    bool damaged_;
    std::vector<Part> parts_ = {{"", 20, {{"y", {}, ElementType::u8, {}}, {"x", {2}, ElementType::f64, {}}}}};
};

TEST(Piece, RowsComeOutAlignedWithWhatIsBad) {
    Mixed source(true);
    Request request;
    request.skip_bad = true;
    PieceReader reader(source, request);
    const std::vector<Part> stored = stored_parts(source.parts(), request);
    for (const bool with_rows : {true, false}) {
        const Piece piece = {0, 5, 7};
        std::vector<std::byte> bytes;
        reader.read(piece, with_rows, bytes);
        const PieceContent content = content_of(stored[0], piece, with_rows, bytes);
        ASSERT_EQ(content.bad.size(), 2u);
        EXPECT_EQ(content.bad[1].item, 9u);
        EXPECT_EQ(content.bad[1].reason, "item 9");
        ASSERT_EQ(content.rows.size(), with_rows ? 2u : 0u);
        if (!with_rows) continue;
        ASSERT_EQ(content.rows[0].size(), 7u);
        EXPECT_EQ(content.rows[0][6], std::byte{11});
        ASSERT_EQ(content.rows[1].size(), 7 * sizeof(std::array<double, 2>));
        // Seven bytes stand before them: read as doubles, they must begin at a multiple of eight.
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(content.rows[1].data()) % alignof(double), 0u);
        double last = 0;
        std::memcpy(&last, content.rows[1].last(sizeof(last)).data(), sizeof(last));
        EXPECT_EQ(last, -11);
    }
}

} // namespace
} // namespace elbo::convert
