#include "storage/element.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <array>

namespace elbo::storage {

namespace {

struct ElementFacts {
    std::size_t bytes;
    std::string_view name;
};

/// In the order of ElementType.
constexpr std::array<ElementFacts, 10> element_facts = {{
    {1, "uint8"},
    {1, "int8"},
    {2, "uint16"},
    {2, "int16"},
    {4, "uint32"},
    {4, "int32"},
    {8, "uint64"},
    {8, "int64"},
    {4, "float32"},
    {8, "float64"},
}};

const ElementFacts& facts(ElementType type) { return element_facts.at(static_cast<std::size_t>(type)); }

/// h5py stores bool as an enumeration of FALSE and TRUE.
bool is_boolean(hid_t type) {
    return H5Tget_nmembers(type) == 2 && H5Tget_member_index(type, "FALSE") >= 0 &&
           H5Tget_member_index(type, "TRUE") >= 0;
}

std::string_view describe_class(H5T_class_t type_class) {
    switch (type_class) {
    case H5T_STRING:
        return "text";
    case H5T_REFERENCE:
        return "references";
    case H5T_VLEN:
        return "rows of varying length";
    case H5T_OPAQUE:
        return "opaque bytes";
    case H5T_BITFIELD:
        return "bit fields";
    default:
        return "elements of a type unknown to elbo";
    }
}

ElementType integer_type(std::size_t bytes, bool is_signed) {
    using enum ElementType;
    if (bytes == 1) return is_signed ? i8 : u8;
    if (bytes == 2) return is_signed ? i16 : u16;
    if (bytes <= 4) return is_signed ? i32 : u32;
    return is_signed ? i64 : u64;
}

std::string float_name(hid_t type) {
    std::size_t sign = 0, exponent = 0, exponent_bits = 0, mantissa = 0, mantissa_bits = 0;
    checked(H5Tget_fields(type, &sign, &exponent, &exponent_bits, &mantissa, &mantissa_bits), "type");
    const std::size_t bits = 8 * H5Tget_size(type);
    return bits == 16 && exponent_bits == 8 ? "bfloat16" : fmt::format("float{}", bits);
}

Element problem(std::string stored, std::string what) {
    Element element;
    element.stored = std::move(stored);
    element.problem = std::move(what);
    return element;
}

Element number_of(hid_t type) {
    const H5T_class_t type_class = H5Tget_class(type);
    const std::size_t bytes = H5Tget_size(type);
    Element element;
    if (type_class == H5T_INTEGER && bytes <= 8) {
        const bool is_signed = H5Tget_sign(type) == H5T_SGN_2;
        element.type = integer_type(bytes, is_signed);
        element.stored = fmt::format("{}int{}", is_signed ? "" : "u", 8 * bytes);
    } else if (type_class == H5T_FLOAT && bytes <= 8) {
        element.type = bytes <= 4 ? ElementType::f32 : ElementType::f64;
        element.stored = float_name(type);
    } else {
        const std::string found(describe_class(type_class));
        return problem(found, fmt::format("holds {}, expected integers of 8 to 64 bits or floats of 16 to 64", found));
    }
    if (bytes > 1 && H5Tget_order(type) == H5T_ORDER_BE) element.stored += ", big-endian";
    element.memory = TypeHandle(H5Tcopy(native_type(element.type)), "type");
    return element;
}

/// The integers that its names stand for.
Element enumeration_of(hid_t type) {
    const TypeHandle integers(H5Tget_super(type), "enumeration");
    Element element = number_of(integers.get());
    if (!element.problem.empty()) return element;
    const bool boolean = is_boolean(type);
    element.stored = boolean ? "boolean" : "enumeration of " + element.stored;
    // As 0.0 and 1.0: an integer would be scaled by its type's range.
    if (boolean) element.type = ElementType::f32;
    element.memory = TypeHandle(H5Tcopy(native_type(element.type)), "type");
    return element;
}

Element array_of(hid_t type) {
    const int rank = checked(H5Tget_array_ndims(type), "array");
    std::vector<hsize_t> extents(static_cast<std::size_t>(rank));
    checked(H5Tget_array_dims2(type, extents.data()), "array");
    const TypeHandle one(H5Tget_super(type), "array");
    Element element = element_of(one.get(), {});
    if (!element.problem.empty()) return element;
    element.inner.insert(element.inner.begin(), extents.begin(), extents.end());
    element.memory =
        TypeHandle(H5Tarray_create2(element.memory.get(), static_cast<unsigned>(rank), extents.data()), "array");
    return element;
}

/// Calls use with each field's name and type, which is closed afterwards.
template <class Use>
void each_field(hid_t records, Use&& use) {
    const int count = H5Tget_nmembers(records);
    for (int i = 0; i < count; ++i) {
        char* const name = H5Tget_member_name(records, static_cast<unsigned>(i));
        const std::string copy = name == nullptr ? "" : name;
        H5free_memory(name);
        const TypeHandle type(H5Tget_member_type(records, static_cast<unsigned>(i)), "field " + copy);
        use(copy, type.get());
    }
}

Element records_of(hid_t type) {
    std::string fields;
    each_field(type, [&](const std::string& name, hid_t field) {
        const Element element = element_of(field, {});
        const std::string shape = element.inner.empty() ? "" : describe(element.inner) + " ";
        fields += fmt::format("{}{}: {}{}", fields.empty() ? "" : ", ", name, shape, element.stored);
    });
    return problem("records of " + fields,
                   fmt::format("holds compound records of {}; name a field, as in /dataset.field", fields));
}

/// A field of records alone: HDF5 takes it out of each record where memory's record has no other.
Element field_of(hid_t records, std::span<const std::string> fields) {
    const std::string& name = fields.front();
    if (H5Tget_class(records) != H5T_COMPOUND) {
        return problem("", fmt::format("holds {}, no records with a field {}", element_of(records, {}).stored, name));
    }
    const int index = H5Tget_member_index(records, name.c_str());
    if (index < 0) {
        const std::vector<std::string> known = fields_of(records);
        const std::vector<std::string_view> words(known.begin(), known.end());
        const std::string_view close = nearest(name, words);
        return problem("", fmt::format("has no field {}; its records have {}{}", name, joined(words),
                                       close.empty() ? "" : fmt::format("; did you mean {}?", close)));
    }
    const TypeHandle type(H5Tget_member_type(records, static_cast<unsigned>(index)), name);
    Element element = element_of(type.get(), fields.subspan(1));
    if (!element.problem.empty()) return element;
    TypeHandle record(H5Tcreate(H5T_COMPOUND, H5Tget_size(element.memory.get())), name);
    checked(H5Tinsert(record.get(), name.c_str(), 0, element.memory.get()), name);
    element.memory = std::move(record);
    return element;
}

} // namespace

std::size_t bytes_of(ElementType type) { return facts(type).bytes; }

std::string_view name_of(ElementType type) { return facts(type).name; }

bool is_integer(ElementType type) { return type != ElementType::f32 && type != ElementType::f64; }

Element element_of(hid_t stored, std::span<const std::string> fields) {
    if (!fields.empty()) return field_of(stored, fields);
    switch (H5Tget_class(stored)) {
    case H5T_ARRAY:
        return array_of(stored);
    case H5T_ENUM:
        return enumeration_of(stored);
    case H5T_COMPOUND:
        return records_of(stored);
    default:
        return number_of(stored);
    }
}

std::vector<std::string> fields_of(hid_t stored) {
    std::vector<std::string> fields;
    if (H5Tget_class(stored) != H5T_COMPOUND) return fields;
    each_field(stored, [&](const std::string& name, hid_t field) {
        const std::vector<std::string> inner = fields_of(field);
        if (inner.empty()) fields.push_back(name);
        for (const std::string& deeper : inner) fields.push_back(fmt::format("{}.{}", name, deeper));
    });
    return fields;
}

} // namespace elbo::storage
