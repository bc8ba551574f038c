// A training's use of storage/ without the training, for faults at every call: "driver save FOLDER STEP" locks the
// folder, logs, saves a checkpoint and points the links to it, and keeps two; "driver check FOLDER" reads all that are
// there.
#include "base/error.hpp"
#include "storage/checkpoint.hpp"
#include "storage/files.hpp"
#include "storage/folder_lock.hpp"
#include "storage/line_log.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace elbo;
namespace fs = std::filesystem;

std::vector<fs::path> checkpoints_of(const fs::path& folder) {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(folder))
        if (entry.path().filename().string().starts_with("step-")) found.push_back(entry.path());
    std::sort(found.begin(), found.end());
    return found;
}

void save(const fs::path& folder, std::int64_t step) {
    const storage::FolderLock lock(folder);
    const fs::path checkpoints = folder / "checkpoints";
    fs::create_directories(checkpoints);
    for (const fs::path& place : {folder, checkpoints}) storage::remove_temporaries(place);
    storage::LineLog log(folder / "events.jsonl");
    log.append(fmt::format("start {}", step));

    const std::vector<float> values(5'000, static_cast<float>(step));
    const std::vector<storage::NamedArray<const float>> arrays = {{"/parameters/a", {values.size()}, values}};
    storage::CheckpointText text;
    text.state["step"] = step;
    std::vector<std::byte> image;
    storage::build_checkpoint(image, arrays, text);
    storage::seal_checkpoint(image);
    const fs::path file = checkpoints / fmt::format("step-{:08}.h5", step);
    storage::write_whole(file, image);
    storage::verify_checkpoint(file);
    storage::replace_link(checkpoints / "latest.h5", file.filename());
    storage::replace_link(checkpoints / "best.h5", file.filename());
    const std::vector<fs::path> all = checkpoints_of(checkpoints);
    std::error_code ignored;
    for (std::size_t i = 0; i + 2 < all.size(); ++i) fs::remove(all[i], ignored);

    log.append(fmt::format("saved {}", step));
    if (!log.flush()) fail("{}", log.trouble());
    if (lock.lost()) fail("{}: lost to {}", folder.string(), lock.lost_to());
}

/// Every checkpoint and link is whole, and holds what its name says.
void check(const fs::path& folder) {
    std::vector<fs::path> files = checkpoints_of(folder / "checkpoints");
    for (const char* link : {"latest.h5", "best.h5"}) files.push_back(folder / "checkpoints" / link);
    for (const fs::path& file : files) {
        storage::verify_checkpoint(file);
        const storage::CheckpointReader reader(file);
        std::vector<float> values(5'000);
        const std::vector<storage::NamedArray<float>> arrays = {{"/parameters/a", {values.size()}, values}};
        reader.read(arrays);
        const std::int64_t step = reader.integer("step");
        const bool right =
            std::all_of(values.begin(), values.end(), [&](float value) { return value == static_cast<float>(step); });
        const std::string name = fs::canonical(file).filename().string();
        if (!right || name != fmt::format("step-{:08}.h5", step)) fail("{}: holds other values", file.string());
    }
}

} // namespace

int main(int count, char** words) {
    try {
        const std::string_view what = count > 1 ? words[1] : "";
        if (what == "save" && count == 4)
            save(words[2], std::stoll(words[3]));
        else if (what == "check" && count == 3)
            check(words[2]);
        else
            reject("driver save FOLDER STEP | driver check FOLDER");
        return 0;
    } catch (const Error& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return static_cast<int>(error.status());
    } catch (const std::exception& error) {
        std::fprintf(stderr, "unexpected: %s\n", error.what());
        return 99;
    }
}
