// Parts, classes and labels that follow from the names of images.
#include "convert/image_names.hpp"

#include "base/error.hpp"
#include "support/files.hpp"

namespace elbo::convert {
namespace {

using elbo::testing::message_of;
using Labels = std::vector<std::int64_t>;
using Words = std::vector<std::string>;

ImageNames arranged(const Words& names, const std::string& pattern = "", bool by_name = true) {
    ImageNames all("photos", pattern);
    for (const std::string& name : names) all.add(name);
    all.arrange(by_name);
    return all;
}

Words items(const ImageNames& names, std::size_t part = 0) {
    Words list;
    for (const std::uint32_t number : names.parts().at(part).numbers) list.emplace_back(names.name(number));
    return list;
}

std::string refusal(const Words& names, const std::string& pattern = "") {
    return message_of<InputError>([&] { arranged(names, pattern); });
}

TEST(ImageNames, WhatIsAnImage) {
    for (const char* name : {"a.png", "b/c.JPG", "x.jpeg", "x.y.bmp", "x.webp"})
        EXPECT_TRUE(ImageNames::is_image(name));
    for (const char* name : {"a.txt", "png", ".png", "a/.b.png", ".a/b.png", "__MACOSX/._b.png", "a.png/notes"})
        EXPECT_FALSE(ImageNames::is_image(name)) << name;
}

TEST(ImageNames, InTheOrderOfNamesOrOfTheSource) {
    const Words mixed = {"b.png", "c.png", "a.png"};
    EXPECT_EQ(items(arranged(mixed)), (Words{"a.png", "b.png", "c.png"}));
    EXPECT_EQ(items(arranged(mixed, "", false)), mixed);
    EXPECT_FALSE(arranged(mixed).labels().has_value());
    EXPECT_TRUE(arranged(mixed).parts()[0].labels.empty());
    EXPECT_EQ(arranged(mixed).parts()[0].part, "");
}

TEST(ImageNames, FoldersAreClasses) {
    const ImageNames names = arranged({"dog/1.png", "cat/2.png", "cat/deep/1.png", "ape/9.png"});
    EXPECT_EQ(names.classes(), (Words{"ape", "cat", "dog"}));
    EXPECT_EQ(names.parts().at(0).labels, (Labels{0, 1, 1, 2}));
    EXPECT_EQ(names.labels()->name, "y");
    EXPECT_EQ(names.labels()->type, storage::ElementType::u8);
    EXPECT_EQ(names.labels()->classes, names.classes());
}

TEST(ImageNames, ClassesThatAreNumbersAreSortedAsSuch) {
    EXPECT_EQ(arranged({"10/a.png", "9/a.png", "0/a.png"}).classes(), (Words{"0", "9", "10"}));
    EXPECT_EQ(arranged({"10/a.png", "9/a.png", "x/a.png"}).classes(), (Words{"10", "9", "x"}));
}

TEST(ImageNames, TrainAndTestAreParts) {
    const ImageNames names =
        arranged({"all/test/b/1.png", "all/train/a/1.png", "all/Training/b/1.png", "all/val/b/2.png"});
    ASSERT_EQ(names.parts().size(), 3u);
    const auto part = [&](std::string_view name) -> const ImageNames::Images& {
        return *std::find_if(names.parts().begin(), names.parts().end(),
                             [&](const ImageNames::Images& images) { return images.part == name; });
    };
    EXPECT_EQ(names.classes(), (Words{"a", "b"})) << "of all parts together";
    EXPECT_EQ(part("train").labels, (Labels{1, 0})) << "Training comes before train";
    EXPECT_EQ(part("test").labels, Labels{1});
    EXPECT_EQ(part("validation").labels, Labels{1});
    EXPECT_CONTAINS(refusal({"train/a.png", "b.png"}), "b.png lies beside train/a.png");
    EXPECT_CONTAINS(refusal({"a.png", "train/b.png", "zoo/b.png"}), "photos: a.png lies beside train/b.png");
}

TEST(ImageNames, AFolderAroundEverythingIsNone) {
    EXPECT_FALSE(arranged({"photos/a.png", "photos/b.png"}).labels().has_value());
    EXPECT_EQ(arranged({"x/y/cat/a.png", "x/y/dog/b.png"}).classes(), (Words{"cat", "dog"}));
    const ImageNames train = arranged({"x/train/a.png", "x/train/b.png"});
    EXPECT_EQ(train.parts().at(0).part, "train");
    EXPECT_FALSE(train.labels().has_value());
    EXPECT_EQ(arranged({"cats/a.png", "catsanddogs/b.png"}).classes().size(), 2u);
}

TEST(ImageNames, AllInClassesOrNone) {
    EXPECT_CONTAINS(refusal({"cat/1.png", "2.png"}),
                    "photos: cat/1.png lies in the folder of a class and 2.png in none");
    // A part without classes has no labels, the other one has.
    const ImageNames names = arranged({"train/cat/1.png", "train/dog/1.png", "test/1.png"});
    EXPECT_EQ(names.parts().at(1).labels.size(), 2u);
    EXPECT_TRUE(names.parts().at(0).labels.empty());
}

TEST(ImageNames, LabelsOfAPattern) {
    const ImageNames numbers = arranged({"1_7.png", "2_07.png", "3_300.png", "4.png"}, "*_{label}.png");
    EXPECT_EQ(numbers.parts().at(0).labels, (Labels{7, 7, 300, ImageNames::no_label})) << "numbers as they are";
    EXPECT_EQ(numbers.labels()->type, storage::ElementType::i64);
    EXPECT_TRUE(numbers.classes().empty());
    const ImageNames words = arranged({"b/cat_1.png", "a/dog_1.png", "a/cat_2.png"}, "{label}_*");
    EXPECT_EQ(words.classes(), (Words{"cat", "dog"}));
    EXPECT_EQ(words.parts().at(0).labels, (Labels{0, 1, 0}));
    EXPECT_CONTAINS(refusal({"a.png", "b.png"}, "*_{label}.png"),
                    "--label-pattern *_{label}.png fits none of its 2 names, such as a.png");
}

TEST(ImageNames, NoneAtAll) { EXPECT_CONTAINS(refusal({}), "photos: holds no PNG or JPEG image"); }

TEST(ImageNames, NamesAreBoundedInMemory) {
    ImageNames names("photos", "");
    const std::string name(4000, 'x');
    EXPECT_CONTAINS(message_of<InputError>([&] {
                        for (int i = 0; i < 40000; ++i) names.add(name);
                    }),
                    "photos: the names of its images take more than 128 MiB (33,387 of them so far)");
}

} // namespace
} // namespace elbo::convert
