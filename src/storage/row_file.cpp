#include "storage/row_file.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "storage/hdf5.hpp"
#include "storage/npy_writer.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace elbo::storage {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t most_metadata = 1 << 20; ///< that HDF5 needs besides the arrays, and more

std::uint64_t bytes_in(const RowArray& array) { return array.shape.at(0) * array.row_bytes(); }

/// Without values yet, but with a place in the file.
std::uint64_t lay_out(hid_t file, const RowArray& array, const std::string& where) {
    const PropertiesHandle links = link_properties(), properties = dataset_properties();
    checked(H5Pset_layout(properties.get(), H5D_CONTIGUOUS), where);
    checked(H5Pset_alloc_time(properties.get(), H5D_ALLOC_TIME_EARLY), where);
    checked(H5Pset_fill_time(properties.get(), H5D_FILL_TIME_NEVER), where);
    const SpaceHandle space = simple_space(array.shape);
    const DatasetHandle dataset(H5Dcreate2(file, array.name.c_str(), native_type(array.type), space.get(), links.get(),
                                           properties.get(), H5P_DEFAULT),
                                where);
    const haddr_t offset = H5Dget_offset(dataset.get());
    if (offset == HADDR_UNDEF) fail("{}: HDF5 gives it no place in the file", where);
    return offset;
}

/// Its place on the disk taken where the file system can do so, and as long as it will be.
void take_space(const fs::path& path, const fs::path& destination, std::uint64_t bytes) {
    const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
    int code = file ? reserve_space(file.get(), bytes) : errno;
    if (code == 0 && ::ftruncate(file.get(), static_cast<off_t>(bytes)) != 0) code = errno;
    if (code != 0)
        fail("{}: needs {} of disk: {}", destination.string(), human_bytes(static_cast<double>(bytes)),
             write_message(code));
}

} // namespace

RowFile RowFile::hdf5(const fs::path& file, std::vector<RowArray> arrays, const FileTexts& texts) {
    RowFile made(file);
    const std::string cannot = file.string() + ": cannot be written";
    const Hdf5Session session;
    FileHandle handle(H5Fcreate(made.path().c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), cannot);
    std::uint64_t expected = most_metadata;
    for (const RowArray& array : arrays) expected += bytes_in(array);
    take_space(made.path(), file, expected); // before there is anything to flush: HDF5 may crash after a full disk
    for (RowArray& array : arrays) array.offset = lay_out(handle.get(), array, file.string() + ":" + array.name);
    for (const auto& [name, text] : texts) write_text_attribute(handle.get(), name, text);
    hsize_t bytes = 0;
    checked(H5Fflush(handle.get(), H5F_SCOPE_GLOBAL), cannot);
    checked(H5Fget_filesize(handle.get(), &bytes), cannot);
    handle.close(cannot);
    made.arrays_ = std::move(arrays);
    made.bytes_ = bytes;
    take_space(made.path(), file, made.bytes_);
    return made;
}

RowFile RowFile::npy(const fs::path& file, RowArray array) {
    RowFile made(file);
    const std::string header = npy_header(array.shape, array.type);
    array.offset = header.size();
    made.bytes_ = array.offset + bytes_in(array);
    take_space(made.path(), file, made.bytes_);
    const Descriptor out(::open(made.path().c_str(), O_WRONLY | O_CLOEXEC));
    const int code = out ? write_all(out.get(), header.data(), header.size()) : errno;
    if (code != 0) fail("{}: cannot be written: {}", file.string(), write_message(code));
    made.arrays_.push_back(std::move(array));
    return made;
}

RowWriter::RowWriter(const fs::path& path, std::uint64_t bytes, std::string destination)
    : destination_(std::move(destination)), file_(::open(path.c_str(), O_WRONLY | O_CLOEXEC)) {
    require(file_ ? 0 : errno);
    struct stat status;
    require(::fstat(file_.get(), &status) == 0 ? 0 : errno);
    if (static_cast<std::uint64_t>(status.st_size) != bytes)
        fail("{}: has {} bytes here, but was made with {}", path.string(), status.st_size, bytes);
}

void RowWriter::write(const RowArray& array, std::uint64_t first, std::span<const std::byte> rows) {
    const std::size_t each = array.row_bytes();
    if (rows.size() % each != 0 || first * each + rows.size() > bytes_in(array))
        fail("{}:{}: {} bytes from row {} on, for {} rows of {} bytes", destination_, array.name, rows.size(), first,
             array.shape.at(0), each);
    require(write_at(file_.get(), array.offset + first * each, rows));
}

void RowWriter::finish() {
    require(sync(file_.get()));
    require(file_.close());
}

void RowWriter::require(int code) const {
    if (code != 0) fail("{}: cannot be written: {}", destination_, write_message(code));
}

} // namespace elbo::storage
