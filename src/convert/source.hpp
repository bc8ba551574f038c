// What a conversion reads: parts (splits) of items, each item a sample and perhaps a label, by number or one after the
// other.
#pragma once

#include "storage/dataset.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace elbo::convert {

/// An array that every item of a part has a row of: "x" the samples, "y" the labels, others by their own names.
struct Field {
    std::string name;
    Shape shape; ///< of a row; empty: one number
    storage::ElementType type;
    std::vector<std::string> classes; ///< of labels that were words: number i stands for classes[i]
    std::size_t row_bytes() const { return elements(shape) * storage::bytes_of(type); }
};

/// A split as the source has it ("train", "test"; "" where it has none). Its items are numbered from 0 on.
struct Part {
    std::string name;
    std::size_t items = 0;
    std::vector<Field> fields;
};

/// An item that cannot be converted: "cats/12.jpg: ends after 812 of 2,044 bytes", "data.csv: line 7: 3 fields,
/// expected 4".
struct Bad {
    std::size_t item; ///< within its part
    std::string reason;
};

/// A text that belongs to the data and becomes an attribute: of the file (field empty), or of a field in every part.
struct Note {
    std::string field, name, text;
};

/// A small array beside the items: "/truth/means".
struct Table {
    std::string dataset;
    Shape shape;
    std::vector<double> values;
};

/// Shapes and numbers are known once it is open; hostile sizes have been refused by then.
class Source {
public:
    virtual ~Source() = default;
    virtual const std::vector<Part>& parts() const = 0;

    /// True where ranks may each read some of the items: what they pass over costs nothing, or much less than what they
    /// read.
    virtual bool divisible() const = 0;

    /// Items [begin, begin + count) of a part: rows[f] receives those of field f, count * row_bytes. Bad ones' rows are
    /// left as they are, and returned in order. Ranges are asked for from front to back, part after part; where the
    /// source is not divisible each one begins where the last one ended. InputError where nothing behind can be read
    /// either.
    virtual std::vector<Bad> read(std::size_t part, std::size_t begin, std::size_t count,
                                  std::span<const std::span<std::byte>> rows) = 0;

    virtual std::vector<Note> notes() const { return {}; }
    virtual std::vector<Table> tables() const { return {}; }
    /// Bytes of items that are best read at once; at most 32 MiB.
    virtual std::size_t piece_bytes() const { return 1 << 20; }
};

} // namespace elbo::convert
