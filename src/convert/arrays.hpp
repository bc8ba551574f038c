// Sources that hold whole arrays by name (NumPy's files, HDF5): which array is what, and rows of all of them.
#pragma once

#include "convert/source.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace elbo::convert {

/// Which part and field an array is by its name: "x_train", "train/images", "train-x" and "train" are x of train;
/// y, labels and targets are y; a name that says nothing is the field itself.
struct ArrayName {
    std::string part, field;
};
ArrayName array_name(std::string_view name);

/// A file and what is chosen of it: "FILE:/x" in two, where no file is called so as a whole.
std::pair<std::string, std::string> file_and_choice(const std::string& source);

/// An array (N, ...), read in its type in memory.
class Array {
public:
    Array(std::string name, Shape shape, storage::ElementType type)
        : name_(std::move(name)), shape_(std::move(shape)), type_(type) {}
    virtual ~Array() = default;
    Array(const Array&) = delete;
    Array& operator=(const Array&) = delete;

    const std::string& name() const { return name_; } ///< for messages: "data.npz: x"
    const Shape& shape() const { return shape_; }
    Shape row_shape() const { return {shape_.begin() + 1, shape_.end()}; }
    storage::ElementType type() const { return type_; }
    virtual bool divisible() const { return true; }
    virtual std::size_t piece_bytes() const { return 1 << 20; }
    /// Rows from `begin` on; where the array is not divisible, the next ones.
    virtual void read(std::size_t begin, std::span<std::byte> rows) = 0;

private:
    std::string name_;
    Shape shape_;
    storage::ElementType type_;
};

/// Arrays as parts and fields. Those of the same part and field are joined, one behind the other; an array that is
/// alone is x whatever it is called. Throws InputError naming two arrays where they do not fit together.
class ArraySource : public Source {
public:
    struct Named {
        ArrayName name;
        std::unique_ptr<Array> array;
    };
    explicit ArraySource(std::vector<Named> arrays);

    const std::vector<Part>& parts() const override { return parts_; }
    bool divisible() const override;
    std::size_t piece_bytes() const override;
    std::vector<Bad> read(std::size_t part, std::size_t begin, std::size_t count,
                          std::span<const std::span<std::byte>> rows) override;

private:
    /// Arrays one behind the other.
    using Joined = std::vector<std::unique_ptr<Array>>;
    Joined& joined_of(const ArrayName& name, const Array& array);

    std::vector<Part> parts_;
    std::vector<std::vector<Joined>> fields_; ///< of each part
};

} // namespace elbo::convert
