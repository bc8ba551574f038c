// Texts that stand beside datasets in users' HDF5 files.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace elbo::storage {

/// A text attribute of a dataset or group ("/" is the file's); nothing where it has none of that name, or no text.
/// Throws InputError where the file cannot be opened.
std::optional<std::string> text_attribute(const std::filesystem::path& file, const std::string& object,
                                          const std::string& name);

} // namespace elbo::storage
